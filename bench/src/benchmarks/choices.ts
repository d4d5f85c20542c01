import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { DEFAULT_LEVEL, millions, native } from './entrants.js'

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
/** What the options are where nobody chooses. */
const DEFAULT_MIB = 64
const NO_SYNCS = 'none'
const LEVELS = [1, 3, 6, 9, 12, 19]

/** What docs/operations.md weighs, each beside what it is where nobody chooses: no row has a target. */
export function choices({ appends, paced }: Sizes): Benchmark {
  const events = Math.ceil(paced / 5)
  const segment = (mib: number) => `segment-${mib}`
  const level = (level: number) => `level-${level}`
  return {
    name: 'choices',
    title: 'what an operator chooses between',
    method: `From Rust, with what is prepared by default; the reference is what the same figure is with the default. Segment sizes: ${millions(appends)} events as fast as they can be. Syncs that
nobody asks for: ${millions(events)} events, a million a second; what a power cut would take at most is the highest number of events at any time that were
appended and not durable. Compression: 32 MiB of events that differ in ids, times and prices, on one core. Each once.`,
    once: true,
    contestants: Object.fromEntries([
      ...SEGMENT_MIB.map(mib => [
        segment(mib),
        native({ contest: 'segment-size', events: appends, segmentBytes: mib * MIB }),
      ]),
      ...SYNCS.map(([name, , intervalMs, bytes]) => [
        name,
        native({ contest: 'unasked-syncs', events, intervalMs, bytes }),
      ]),
      ...LEVELS.map(number => [level(number), native({ contest: 'compression', level: number })]),
    ]),
    figures: [
      ...SEGMENT_MIB.filter(mib => mib !== DEFAULT_MIB).flatMap(mib => {
        const row = besideDefault(
          segment(mib),
          `segments of ${mib} MiB`,
          segment(DEFAULT_MIB),
          `of ${DEFAULT_MIB} MiB`,
        )
        return [row('an append', 'nsPerEvent', 'ns'), row('preparing one', 'prepareMs', 'ms')]
      }),
      ...SYNCS.filter(([name]) => name !== NO_SYNCS).map(([name, title]) =>
        besideDefault(name, title, NO_SYNCS, 'none but those of rotation')(
          'a power cut takes at most',
          'mostUndurable',
          'k events',
          1e-3,
        ),
      ),
      ...LEVELS.filter(number => number !== DEFAULT_LEVEL).flatMap(number => {
        const row = besideDefault(
          level(number),
          `level ${number}`,
          level(DEFAULT_LEVEL),
          `level ${DEFAULT_LEVEL}`,
        )
        return [
          row('bytes left', 'share', '%', 100),
          row('speed', 'bytesPerSecond', 'MiB/s', 1 / MIB),
          row('a frame', 'frameMs', 'ms'),
        ]
      }),
    ],
    remarks: value => {
      const waits = SEGMENT_MIB.map(
        mib => `${value({ contestant: segment(mib), figure: 'waits' })} times with ${mib} MiB`,
      )
      const syncs = SYNCS.map(
        ([name, title]) => `${value({ contestant: name, figure: 'syncs' })} with ${title}`,
      )
      return [
        `Appends had to wait for room: ${waits.join(', ')}.`,
        `Syncs that were made beside those of rotation: ${syncs.join(', ')}.`,
      ]
    },
  }
}

/** Makes the figures of a choice, each beside that of the default. */
function besideDefault(contestant: string, choice: string, byDefault: string, reference: string) {
  return (what: string, figure: string, unit: string, scale = 1): Figure => ({
    name: `choices.${contestant}.${figure}`,
    title: `${choice}, ${what}`,
    unit,
    value: { contestant, figure, scale },
    reference: { contestant: byDefault, figure, scale, title: reference },
  })
}
