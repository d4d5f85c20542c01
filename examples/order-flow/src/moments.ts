import type { Random } from './random.js'
import type { Moment } from './recording.js'
import type { Pace } from './recording-task.js'

/** When a recording process is killed, and how it records until then. */
export interface KillPlan {
  readonly moment: Moment
  readonly closelyFrom: number
  readonly pace: Pace
}

/** Longest time from the chosen event to the kill, in milliseconds. */
const DELAY_MS = 4
/** Time in which a process records from the chosen event to the end of its part: the kill falls into it. */
const PART_MS = 12

/**
 * Chooses the moments of the kills, spread over the flow. Each process has a part of its own, in the first half of which
 * the chosen event lies; from there it slows down, since a short flow would be over before the kill. Every other process acknowledges each event from the chosen
 * one on, so that the kill meets an event that was acknowledged this very microsecond; the others run at full speed.
 */
export function planKills(kills: number, events: number, random: Random): KillPlan[] {
  return Array.from({ length: kills }, (_, i) => {
    const share = events / (kills + 1)
    const eventId = Math.floor(share * (i + random.fraction() / 2))
    const until = Math.floor(share * (i + 1))
    const delayMs = random.fraction() * DELAY_MS
    const closelyFrom = i % 2 === 0 ? eventId : Number.MAX_SAFE_INTEGER
    const pace = { from: eventId, until, eventsPerMs: (until - eventId) / PART_MS }
    return { moment: { eventId, delayMs }, closelyFrom, pace }
  })
}
