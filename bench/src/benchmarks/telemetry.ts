import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { millions, native, npmPeer, ratioAtMost } from './entrants.js'

/** Ten seconds of them. */
const SCRAPED_EVENTS = 10_000_000

export function telemetryOfAppends({ appends: events }: Sizes): Benchmark {
  return {
    name: 'b11',
    title: 'what telemetry costs an append',
    method: `Appends as in B2. Telemetry is always on; the reference is the same program built without it: no clock, no
counter, no histogram. What is looked for is a small part of what the speed of a virtual machine changes by from one
second to the next, so there are six times as many rounds.`,
    moreRounds: 6,
    contestants: {
      recorded: native({ contest: 'append', events }),
      unrecorded: { program: 'unrecorded', contest: { contest: 'append', events } },
    },
    figures: [
      {
        name: 'b11.append',
        title: 'append with telemetry',
        unit: 'ns/event',
        value: { contestant: 'recorded', figure: 'nsPerEvent' },
        reference: { contestant: 'unrecorded', figure: 'nsPerEvent', title: 'append built without it' },
        target: ratioAtMost(1.03),
        why: 'instructions counted are the same; what the clock shows is the machine; see [profiles.md](profiles.md#b11-what-telemetry-costs).',
      },
    ],
  }
}

/** What is recorded and read without a log, beside what JavaScript records. */
export function recording({ recorded: calls }: Sizes): Benchmark {
  const shown = (figure: string, title: string, unit = 'ns'): Figure => ({
    name: `recording.${figure}`,
    title,
    unit,
    value: { contestant: 'rust', figure },
  })
  const beside = (figure: string, title: string, contestant: string, peer: string): Figure => ({
    ...shown(figure, title),
    name: `recording.${figure}.${contestant}`,
    reference: { contestant, figure, title: peer },
    target: ratioAtMost(1),
  })
  const promClient = ['prom-client', '`prom-client` {version}, its default buckets'] as const
  const openTelemetry = [
    'opentelemetry',
    '`@opentelemetry/sdk-metrics` {version}, exponential histogram',
  ] as const
  return {
    name: 'recording',
    title: 'what recording and reading metrics costs',
    method: `${millions(calls)} times what a component records of itself, from Rust, and what an application records from
JavaScript; latencies of all magnitudes. A timed operation looks at the clock twice and records the difference. Reading
is all that a recorder has.`,
    contestants: {
      rust: native({ contest: 'recording', calls }),
      'prom-client': npmPeer('prom-client', { contest: 'recording', calls }),
      opentelemetry: npmPeer('@opentelemetry/sdk-metrics', { contest: 'recording', calls }),
    },
    figures: [
      shown('loopNs', 'the loop around each of these'),
      shown('countNs', 'a counter'),
      beside('recordNs', 'a latency', ...promClient),
      beside('recordNs', 'a latency', ...openTelemetry),
      {
        ...shown('clockNs', 'the clock'),
        reference: { contestant: 'rust', figure: 'instantNs', title: '`Instant::now`' },
      },
      beside('operationNs', 'a timed operation', ...promClient),
      beside('operationNs', 'a timed operation', ...openTelemetry),
      shown('snapshotUs', 'a snapshot', 'µs'),
      shown('snapshotBytesUs', 'its bytes for another addon', 'µs'),
      shown('expositionUs', 'its text for Prometheus', 'µs'),
      shown('memoryKib', 'memory of the metrics of a recorder', 'KiB'),
    ],
  }
}

/** Whether threads that record are in each other's way. */
export function neighbours({ recorded }: Sizes): Benchmark {
  // Long enough that both threads run at the same time for nearly all of it, whenever each of them was woken.
  const calls = recorded * 100
  const figure = (name: string, title: string): Figure => ({
    name: `neighbours.${name}`,
    title,
    unit: 'ns',
    value: { contestant: 'rust', figure: name },
    reference: { contestant: 'rust', figure: 'aloneNs', title: 'one thread alone' },
  })
  return {
    name: 'neighbours',
    title: 'two threads that record at the same time',
    method: `Each counts ${millions(calls)} times in a counter of its own. In the log the counters of different threads
are 128 bytes apart; in the other figure they lie side by side on one cache line, as if nobody had looked. What a line that goes back
and forth costs depends on whether the processors share a cache.`,
    moreRounds: 2,
    contestants: { rust: native({ contest: 'neighbours', calls }) },
    figures: [figure('apartNs', 'counters as the log has them'), figure('sharedNs', 'counters on one line')],
  }
}

/** Whether reading metrics disturbs whoever records them. */
export function scraped({ paced }: Sizes): Benchmark {
  const events = Math.min(paced, SCRAPED_EVENTS)
  const figure = (percentile: string, title: string): Figure => ({
    name: `scraped.${percentile}`,
    title,
    unit: 'ns',
    value: { contestant: 'scraped', figure: percentile },
    reference: { contestant: 'alone', figure: percentile, title: 'nobody reads' },
  })
  return {
    name: 'scraped',
    title: 'appending while metrics are read',
    method: `The time inside \`append\` of ${millions(events)} events, a million a second, as in B4, while another thread
takes a snapshot of all metrics and writes it out for Prometheus once a second.`,
    contestants: {
      scraped: native({ contest: 'paced', events, scraped: true }),
      alone: native({ contest: 'paced', events }),
    },
    figures: [
      figure('p50Ns', '50 %'),
      figure('p99Ns', '99 %'),
      { ...figure('p999Ns', '99.9 %'), target: ratioAtMost(1.1) },
    ],
  }
}
