/** How long events that are there already may keep the event loop from other work, in milliseconds. */
export const TURN_MS = 4

/** Lets the event loop turn once. */
export { setImmediate as nextTurn } from 'node:timers/promises'
