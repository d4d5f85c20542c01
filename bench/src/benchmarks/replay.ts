import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { DEFAULT_LEVEL, millions, native, node, ratioAtLeast, valueAtLeast, valueAtMost } from './entrants.js'

export function replay({ replayed: events }: Sizes): Benchmark {
  const figure = (name: string, title: string, figure: string): Omit<Figure, 'target'> => ({
    name,
    title,
    unit: 'M events/s',
    value: { contestant: 'replay', figure, scale: 1e-6 },
    reference: {
      contestant: 'read-file',
      figure: 'eventsPerSecond',
      scale: 1e-6,
      title: '`fs.readSync` of 1 MiB + DataView, unverified',
    },
  })
  return {
    name: 'b7',
    title: 'replay from JavaScript',
    method: `${millions(events)} events from the page cache, every block verified; the sum of three fields, from opening
the log to the last event. The reference reads a file with the same events by \`fs.readSync\` of 1 MiB and a DataView and
verifies nothing. Compressed ones are segments of 16 MiB at the default level of zstd; the reference decompresses 32 MiB of
such events and looks at none. The first replay of a process also pays for the memory that it gets from the system.`,
    contestants: {
      replay: node({ contest: 'replay', events }),
      cold: node({ contest: 'cold-replay', events }),
      'read-file': node({ contest: 'read-file', events }),
      decompress: native({ contest: 'compression', level: DEFAULT_LEVEL }),
    },
    figures: [
      {
        ...figure('b7.hot', 'replay of hot segments', 'eventsPerSecond'),
        target: ratioAtLeast(0.65),
        why: 'it reads each byte once and verifies nothing; see [profiles.md](profiles.md#b7-replay-from-javascript).',
      },
      {
        name: 'b7.cold',
        title: 'replay of compressed segments',
        unit: 'M events/s',
        value: { contestant: 'cold', figure: 'eventsPerSecond', scale: 1e-6 },
        reference: {
          contestant: 'decompress',
          figure: 'readEventsPerSecond',
          scale: 1e-6,
          title: 'zstd alone, from Rust, on one core',
        },
        target: valueAtLeast(12),
      },
      figure('b7.first', 'the first replay of a process', 'firstEventsPerSecond'),
    ],
    chart: { file: 'replay', title: 'Events replayed from JavaScript', unit: 'M events/s' },
  }
}

export function handOff({ handOffs }: Sizes): Benchmark {
  const figure = (percentile: string): Figure => ({
    name: `b8.hand-off.${percentile}`,
    title: `into the next segment, ${percentile}`,
    unit: 'µs',
    value: { contestant: 'replay', figure: `${percentile}Us` },
    reference: {
      contestant: 'replay',
      figure: `inside${percentile.toUpperCase()}Us`,
      title: `in the same segment, ${percentile}`,
    },
  })
  return {
    name: 'b8',
    title: 'segment hand-off in replay',
    method: `How long a call for the next run of blocks takes a replay from Rust, when the preloader has had the time to make
the next segment ready: when the call goes on in that segment, ${handOffs} times. The reference is a call that stays in the
same one, where it wakes the preloader for the segment after.`,
    contestants: { replay: native({ contest: 'hand-off', handOffs }) },
    figures: [
      figure('p50'),
      {
        ...figure('p99'),
        target: valueAtMost(2),
        why: 'what the call needs has left the caches while the preloader worked; see [profiles.md](profiles.md#b8-the-hand-off).',
      },
    ],
    chart: { file: 'hand-off', title: 'Going on in the next segment', unit: 'µs' },
  }
}
