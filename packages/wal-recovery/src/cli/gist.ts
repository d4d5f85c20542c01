/** What every command with `--json` says of a log under the same names. */
import type { DamageReport } from '../report.js'

/** The members that every object about a log has. */
interface Gist {
  readonly state: 'clean' | 'torn' | 'corrupt'
  readonly events: number
  /** 0: none, as `lastEventId`. */
  readonly firstEventId: number
  readonly lastEventId: number
  readonly durableEventId: number
  /** The first damage; null: none. */
  readonly bad: DamageReport | null
}

/** Those members of what calls the damage otherwise. */
export function gistOf(log: Omit<Gist, 'bad'> & { readonly damage: DamageReport | null }): Gist {
  const { state, events, firstEventId, lastEventId, durableEventId, damage } = log
  return { state, events, firstEventId, lastEventId, durableEventId, bad: damage }
}
