import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { millions, native } from './entrants.js'

const MIB = 2 ** 20
const SEGMENT_MIB = [1, 4, 16, 64, 256]
const SYNCS = [
  ['none', 'none but those of rotation', 0, 0],
  ['interval-1000', '`syncIntervalMs: 1000`', 1000, 0],
  ['interval-100', '`syncIntervalMs: 100`', 100, 0],
  ['interval-10', '`syncIntervalMs: 10`', 10, 0],
  ['bytes-16', '`syncBytes` of 16 MiB', 0, 16 * MIB],
  ['bytes-1', '`syncBytes` of 1 MiB', 0, MIB],
] as const
const LEVELS = [1, 3, 6, 9, 12, 19]

/** What docs/operations.md weighs: no row has a target. */
export function choices({ appends, paced }: Sizes): Benchmark {
  const row = (contestant: string, title: string, figure: string, unit: string, scale = 1): Figure => ({
    name: `choices.${contestant}.${figure}`,
    title,
    unit,
    value: { contestant, figure, scale },
  })
  const events = Math.ceil(paced / 5)
  return {
    name: 'choices',
    title: 'what an operator chooses between',
    method: `From Rust, with what is prepared by default. Segment sizes: ${millions(appends)} events as fast as they can be. Syncs that
nobody asks for: ${millions(events)} events, a million a second; what a power cut would take at most is the highest number of events at any time that were
appended and not durable. Compression: 32 MiB of events that differ in ids, times and prices, on one core. Each once.`,
    once: true,
    contestants: Object.fromEntries([
      ...SEGMENT_MIB.map(mib => [
        `segment-${mib}`,
        native({ contest: 'segment-size', events: appends, segmentBytes: mib * MIB }),
      ]),
      ...SYNCS.map(([name, , intervalMs, bytes]) => [
        name,
        native({ contest: 'unasked-syncs', events, intervalMs, bytes }),
      ]),
      ...LEVELS.map(level => [`level-${level}`, native({ contest: 'compression', level })]),
    ]),
    figures: [
      ...SEGMENT_MIB.flatMap(mib => [
        row(`segment-${mib}`, `segments of ${mib} MiB, an append`, 'nsPerEvent', 'ns'),
        row(`segment-${mib}`, `segments of ${mib} MiB, waits for room`, 'waits', 'times'),
        row(`segment-${mib}`, `segments of ${mib} MiB, preparing one`, 'prepareMs', 'ms'),
      ]),
      ...SYNCS.flatMap(([name, title]) => [
        row(name, `syncs: ${title}, a power cut takes at most`, 'mostUndurable', 'events'),
        row(name, `syncs: ${title}, made`, 'syncs', 'syncs'),
      ]),
      ...LEVELS.flatMap(level => [
        row(`level-${level}`, `level ${level}, bytes left`, 'share', '%', 100),
        row(`level-${level}`, `level ${level}, speed`, 'bytesPerSecond', 'MiB/s', 1 / MIB),
        row(`level-${level}`, `level ${level}, a frame`, 'frameMs', 'ms'),
      ]),
    ],
  }
}
