import type { Benchmark, Figure } from '../benchmark.js'
import type { Entrant } from '../contestant.js'
import type { Sizes } from '../sizes.js'
import { millions, native, node, ratioAtMost } from './entrants.js'

const PERCENTILES = [
  ['p50Ns', '50 %'],
  ['p90Ns', '90 %'],
  ['p99Ns', '99 %'],
  ['p999Ns', '99.9 %'],
  ['p9999Ns', '99.99 %'],
  ['p99999Ns', '99.999 %'],
  ['maxNs', 'max'],
] as const

/** Rows of the table; the plot has all of them. */
const SHOWN = new Set(['p50Ns', 'p99Ns', 'p999Ns', 'p9999Ns', 'maxNs'])

/** Only these are promised, and only from Rust. */
const TARGETS: Readonly<Record<string, Figure['target']>> = {
  p999Ns: { of: 'difference', bound: 'at most', limit: 1_500 },
  p9999Ns: ratioAtMost(2),
}

/** Events before the rounds: the first one of all contestants is for the machine. */
const WARM_UP_EVENTS = 1_000_000

export function latency({ paced: events }: Sizes): Benchmark {
  const short = (entrant: Entrant): Entrant => ({
    ...entrant,
    warmUp: { events: Math.min(events, WARM_UP_EVENTS) },
  })
  const series = [
    ['rust', 'append from Rust'],
    ['javascript', 'append.fields(…) from JavaScript'],
    ['rust-empty', 'the empty loop in Rust'],
    ['javascript-empty', 'the empty loop in JavaScript'],
  ] as const
  return {
    name: 'b4',
    title: 'append latency with all workers busy',
    method: `The time inside \`append\` of ${millions(events)} events, a million a second, into segments of 3 MiB, so that 20 of
them a second are filled, prepared, synced and sealed, and, as the log keeps eight of both kinds, compressed and removed.
An append that has to wait for room counts with the wait. The
reference is the same loop, its two looks at the clock included, around nothing.`,
    contestants: {
      rust: short(native({ contest: 'paced', events })),
      javascript: short(node({ contest: 'paced', events })),
      'rust-empty': short(native({ contest: 'paced-empty', events })),
      'javascript-empty': short(node({ contest: 'paced-empty', events })),
    },
    figures: [...figures('rust', 'Rust'), ...figures('javascript', 'JavaScript')],
    remarks: value => [
      `In a round the recorder rotated ${value({ contestant: 'rust', figure: 'rotations' })} times, compressed
${value({ contestant: 'rust', figure: 'compressed' })} segments and removed ${value({ contestant: 'rust', figure: 'deleted' })};
an append had to wait for room ${value({ contestant: 'rust', figure: 'waits' })} times from Rust and
${value({ contestant: 'javascript', figure: 'waits' })} times from JavaScript.`,
    ],
    plot: {
      file: 'append-latency',
      title: 'Time inside append, in nanoseconds',
      x: 'percent of all appends that take at most so long',
      y: 'a million events and 20 rotations a second',
      series: series.map(([contestant, title]) => ({
        title,
        points: PERCENTILES.map(([figure, x]) => ({ x: x.replace(' %', ''), value: { contestant, figure } })),
      })),
    },
  }
}

const WHY =
  "the kernel's own thread for the disk preempts the appender more often than once in ten thousand appends; see [profiles.md](profiles.md#b4-one-append-in-ten-thousand)."

function figures(contestant: string, language: string): Figure[] {
  return PERCENTILES.filter(([figure]) => SHOWN.has(figure)).map(([figure, title]) => {
    const target = contestant === 'rust' ? TARGETS[figure] : undefined
    return {
      name: `b4.${contestant}.${figure}`,
      title: `${language}, ${title}`,
      unit: 'ns',
      value: { contestant, figure },
      reference: { contestant: `${contestant}-empty`, figure, title: 'the empty loop' },
      ...(target === undefined ? {} : { target, why: WHY }),
    }
  })
}
