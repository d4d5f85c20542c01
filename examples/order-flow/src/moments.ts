import type { Random } from './random.js'
import type { Moment } from './recording.js'

/** When a recording process is killed, and how closely it acknowledges until then. */
export interface KillPlan {
  readonly moment: Moment
  readonly closelyFrom: number
}

/** Longest time from the chosen event to the kill, in milliseconds. */
const DELAY_MS = 4

/**
 * Chooses the moments of the kills, spread over the flow. Every other process acknowledges each event from the chosen
 * one on, so that the kill meets an event that was acknowledged this very microsecond; the others run at full speed.
 */
export function planKills(kills: number, events: number, random: Random): KillPlan[] {
  return Array.from({ length: kills }, (_, i) => {
    const share = events / (kills + 1)
    const eventId = Math.floor(share * (i + random.fraction()))
    const delayMs = random.fraction() * DELAY_MS
    const closelyFrom = i % 2 === 0 ? eventId : Number.MAX_SAFE_INTEGER
    return { moment: { eventId, delayMs }, closelyFrom }
  })
}
