import { type Activity, activity, lastActivity } from '../../activity/activity.js'
import type { SourceSnapshot } from '../../snapshot.js'
import { goesOn, secondsBetween } from '../../time.js'

/** How long latencies are looked at together: long enough for a 99th percentile, short enough to follow a change. */
const WINDOW_SECONDS = 10
/** How many rates are kept for the picture of their course. */
const COURSE = 120

/** What one source did lately. */
export interface Lately {
  /** Since the time before, or since the source began: rates, loops. */
  readonly now: Activity
  /** In the last ten seconds, or since the source began: latencies, sizes. */
  readonly window: Activity
  /** Whether both are since it began: at the first look, and when nobody records any more. */
  readonly isSinceBegin: boolean
  /** Events a second, the newest last. */
  readonly course: readonly number[]
}

/** Remembers of a source what the next look at it is compared with. */
export class History {
  #snapshots: SourceSnapshot[] = []
  #course: number[] = []

  /** What a source has left behind that nobody records in any more; the course stays as it was. */
  end(snapshot: SourceSnapshot): Lately {
    this.#snapshots = []
    const all = lastActivity(snapshot)
    return { now: all, window: all, isSinceBegin: true, course: [...this.#course] }
  }

  /** Takes the newest snapshot. */
  add(snapshot: SourceSnapshot): Lately {
    if (!goesOn(this.#snapshots.at(-1), snapshot)) this.#forget()
    const isOld = ({ time }: SourceSnapshot) => secondsBetween(time, snapshot.time) >= WINDOW_SECONDS
    // One from before the window stays, for what happened at its beginning.
    while (this.#snapshots.slice(1, 2).some(isOld)) this.#snapshots.shift()
    const last = this.#snapshots.at(-1)
    const now = activity(snapshot, last)
    if (last !== undefined) this.#course.push(now.counts.find(isEvents)?.perSecond ?? 0)
    this.#course.splice(0, this.#course.length - COURSE)
    const window = activity(snapshot, this.#snapshots[0])
    this.#snapshots.push(snapshot)
    return { now, window, isSinceBegin: last === undefined, course: [...this.#course] }
  }

  /** The source began anew. */
  #forget(): void {
    this.#snapshots = []
    this.#course = []
  }
}

function isEvents({ unit }: { readonly unit: string }): boolean {
  return unit === '{event}'
}
