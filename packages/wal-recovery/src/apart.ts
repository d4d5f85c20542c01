const ONCE = [undefined]

/**
 * Gives what `work` gives, called where V8 does not inline it. A function with a loop over events has room for so much
 * inlined code and no more; what begins a replay, run once per loop, would take it from `next` and the getters of the
 * flyweight, run once per event, which then cost several times as much.
 */
export function apart<T>(work: () => T): T {
  return Array.from(ONCE, work)[0] as T
}
