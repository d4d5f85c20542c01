import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Recorder, type RecorderOptions } from '@flashstrike/wal-recorder'
import { RequestEvent } from './request-event.js'

export type EventRecorder = Recorder<typeof RequestEvent>

/** A look at the files and the processor this often. */
const LOOK_MS = 50
/** Processor time in one such interval that a process takes whose workers sleep. */
const IDLE_US = 2_000
/** Longer than anything takes that is waited for outside of the clock, on a slow, busy machine too. */
const PATIENCE_MS = 600_000
const HOT_SEGMENT = /^\d{8}\.wal$/

/** What a contest chooses beside the number of segments kept ready. */
export type Choices = Pick<RecorderOptions, 'retention' | 'segmentBytes' | 'smallSyncs' | 'spinUs'>

/** Opens a log that keeps so many segments ready. */
export function openLog(
  dir: string,
  preparedSegments: number,
  choices: Choices = {},
): Promise<EventRecorder> {
  return Recorder.open({ dir, event: RequestEvent, preparedSegments, ...choices })
}

/** Waits until `segments` segments are there, those that are ready included, and the recorder's workers sleep. */
export async function workersIdle(dir: string, segments: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const before = process.cpuUsage()
    await sleep(LOOK_MS)
    const { user, system } = process.cpuUsage(before)
    if (hotSegments(dir) >= segments && user + system < IDLE_US) return
    if (performance.now() > deadline) throw new Error('the segments were not ready within ten minutes')
  }
}

/** Gives what waits until every segment is compressed that is not appended to any more. */
export function compression(wal: EventRecorder): () => Promise<void> {
  let active = 0
  let compressed = 0
  wal.on('rotated', segment => {
    active = segment
  })
  wal.on('compressed', () => {
    compressed++
  })
  return async () => {
    const deadline = performance.now() + PATIENCE_MS
    do {
      // First, so that all that has occurred is told.
      await sleep(LOOK_MS)
      if (performance.now() > deadline) throw new Error('the segments were not compressed within ten minutes')
    } while (compressed < active)
  }
}

function hotSegments(dir: string): number {
  return readdirSync(dir).filter(name => HOT_SEGMENT.test(name)).length
}

/** Removes what came before from the heap, so that nobody pays for it inside the clock. */
export function collectGarbage(): void {
  globalThis.gc?.()
}
