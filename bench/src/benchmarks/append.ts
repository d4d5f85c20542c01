import type { Benchmark } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { millions, native, node, ratioAtMost } from './entrants.js'

export function appendFromJavaScript({ appends: events }: Sizes): Benchmark {
  const reference = {
    contestant: 'write-file',
    figure: 'nsPerEvent',
    title: '`fs.writeSync` of 16 KiB per 256 events, same encoding',
  }
  const figure = (contestant: string, title: string, limit: number) => ({
    name: `b1.${contestant}`,
    title,
    unit: 'ns/event',
    value: { contestant, figure: 'nsPerEvent' },
    reference,
    target: ratioAtMost(limit),
    why: 'a faster kernel makes it faster, and an append makes no call into the kernel; see [profiles.md](profiles.md#b1-append-from-javascript).',
  })
  return {
    name: 'b1',
    title: 'append from JavaScript',
    method: `${millions(events)} events with nine fields each, into the page cache, telemetry on, rotating into segments
that were prepared before the clock started; closing the log is not timed. The reference encodes the same fields in the
same way into a buffer and writes that to a new file.`,
    contestants: {
      fields: node({ contest: 'append-fields', events }),
      object: node({ contest: 'append-object', events }),
      'write-file': node({ contest: 'write-file', events }),
    },
    figures: [figure('fields', 'append.fields(…)', 0.75), figure('object', 'append({ … })', 1)],
  }
}

export function appendFromRust({ appends: events }: Sizes): Benchmark {
  return {
    name: 'b2',
    title: 'append from Rust',
    method: `${millions(events)} events, one a call, rotating into segments that were prepared before the clock started;
closing the log is not timed. The reference stores the same bytes into a shared mapping that is faulted in: no id, no
count, no checksum.`,
    contestants: {
      append: native({ contest: 'append', events }),
      store: native({ contest: 'store', events }),
    },
    figures: [
      {
        name: 'b2.append',
        title: 'Recorder::append',
        unit: 'ns/event',
        value: { contestant: 'append', figure: 'nsPerEvent' },
        reference: { contestant: 'store', figure: 'nsPerEvent', title: 'bare 64-byte store' },
        target: ratioAtMost(1.4),
        why: 'checksums, the second copy and the atomic that wakes readers take longer than a store; see [profiles.md](profiles.md#b2-an-append-from-rust).',
      },
    ],
  }
}
