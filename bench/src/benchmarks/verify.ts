import type { Benchmark } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { gib, native, onLogs, ratioAtLeast } from './entrants.js'

const GIB = 2 ** 30

export function verify({ largeLogBytes: bytes }: Sizes): Benchmark {
  return {
    name: 'verify',
    title: 'verifying a log',
    method: `Every block of a log of ${gib(bytes)} is verified by \`Recovery::verify\`, which is what \`flashstrike-wal verify\`
does, on up to four cores, with as much of the log in the page cache as there is room for. The reference reads the same files, 1 MiB a call, and does not look at
what it reads.`,
    prepare: [onLogs(native({ contest: 'large-log', bytes }))],
    contestants: {
      verify: onLogs(native({ contest: 'verify', bytes })),
      raw: onLogs(native({ contest: 'raw-read', bytes })),
    },
    figures: [
      {
        name: 'verify.hot',
        title: 'uncompressed segments',
        unit: 'GiB/s',
        value: { contestant: 'verify', figure: 'bytesPerSecond', scale: 1 / GIB },
        reference: {
          contestant: 'raw',
          figure: 'bytesPerSecond',
          scale: 1 / GIB,
          title: 'reading the same files',
        },
        target: ratioAtLeast(0.5),
      },
    ],
  }
}
