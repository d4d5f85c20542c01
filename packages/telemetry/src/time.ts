import type { Time } from './snapshot.js'

/** What says since when it counts. */
interface Began {
  readonly startTime: Time
}

/** Whether a source has gone on since it was looked at before; one that began anew has other counts. */
export function goesOn<Before extends Began>(before: Before | undefined, now: Began): before is Before {
  return before !== undefined && secondsBetween(before.startTime, now.startTime) === 0
}

/** Seconds from one moment to another; below zero if that one is earlier. */
export function secondsBetween([seconds, nanoseconds]: Time, [laterSeconds, laterNanoseconds]: Time): number {
  return laterSeconds - seconds + (laterNanoseconds - nanoseconds) / 1e9
}

/** The later of two moments. */
export function latest(one: Time, other: Time): Time {
  return secondsBetween(one, other) > 0 ? other : one
}
