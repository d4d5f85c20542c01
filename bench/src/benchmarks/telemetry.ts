import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { millions, native, npmPeer, ratioAtMost } from './entrants.js'

/** Ten seconds of them. */
const SCRAPED_EVENTS = 10_000_000
/** What a recorder has; that it still is so is looked at. */
const FAMILIES = { histograms: 19, numbers: 32 }

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
  const shown = (figure: string, title: string, unit = 'ns'): Omit<Figure, 'reference'> => ({
    name: `recording.${figure}`,
    title,
    unit,
    value: { contestant: 'rust', figure },
  })
  const beside = (figure: string, title: string, contestant: string, peer: string, unit = 'ns'): Figure => ({
    ...shown(figure, title, unit),
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
is all that a recorder has: ${FAMILIES.histograms} histograms and ${FAMILIES.numbers} counters and gauges, of which its peers have as many, each recorded once.`,
    contestants: {
      rust: native({ contest: 'recording', calls }),
      'prom-client': npmPeer('prom-client', { contest: 'recording', calls, ...FAMILIES }),
      opentelemetry: npmPeer('@opentelemetry/sdk-metrics', { contest: 'recording', calls, ...FAMILIES }),
    },
    figures: [
      {
        ...shown('countNs', 'a counter, with the loop around it'),
        reference: { contestant: 'rust', figure: 'loopNs', title: 'the loop alone' },
      },
      beside('recordNs', 'a latency', ...promClient),
      beside('recordNs', 'a latency', ...openTelemetry),
      {
        ...shown('clockNs', 'the clock'),
        reference: { contestant: 'rust', figure: 'instantNs', title: '`Instant::now`' },
      },
      beside('operationNs', 'a timed operation', ...promClient),
      beside('operationNs', 'a timed operation', ...openTelemetry),
      beside('snapshotUs', 'a snapshot', 'prom-client', '`prom-client` {version}, `getMetricsAsJSON`', 'µs'),
      beside(
        'snapshotUs',
        'a snapshot',
        'opentelemetry',
        '`@opentelemetry/sdk-metrics` {version}, `collect`',
        'µs',
      ),
      {
        ...shown('snapshotBytesUs', 'its bytes for another addon', 'µs'),
        reference: { contestant: 'rust', figure: 'snapshotUs', title: 'a snapshot' },
      },
      beside(
        'expositionUs',
        'its text for Prometheus',
        'prom-client',
        '`prom-client` {version}, `metrics`',
        'µs',
      ),
      beside(
        'memoryKib',
        'memory of the metrics of a recorder',
        'prom-client',
        '`prom-client` {version}',
        'KiB',
      ),
    ],
    remarks: value => {
      const [histograms, numbers] = ['histograms', 'numbers'].map(figure =>
        value({ contestant: 'rust', figure }),
      )
      if (histograms !== FAMILIES.histograms || numbers !== FAMILIES.numbers)
        throw new Error(`a recorder has ${histograms} histograms and ${numbers} others, its peers do not`)
      return []
    },
  }
}

/** Whether threads that record are in each other's way. */
export function neighbours({ recorded }: Sizes): Benchmark {
  // Long enough that both threads run at the same time for nearly all of it, whenever each of them was woken.
  const calls = recorded * 10
  const figure = (name: string, title: string): Figure => ({
    name: `neighbours.${name}`,
    title,
    unit: 'ns',
    value: { contestant: 'rust', figure: name },
    reference: { contestant: 'rust', figure: 'farNs', title: 'in recorders of their own' },
  })
  return {
    name: 'neighbours',
    title: 'two threads that record at the same time',
    method: `Each records ${millions(calls)} times, one what the writer of blocks does, the other what the writer of \`wal.meta\`
does, whose structs are neighbours in the memory of a recorder. The reference are two such threads of two recorders, far
from each other: what is more than that is what the neighbours cost. The other figure is both threads on one struct, as
nothing in the log does.`,
    moreRounds: 2,
    contestants: { rust: native({ contest: 'neighbours', calls }) },
    figures: [
      { ...figure('neighboursNs', 'on neighbouring structs'), target: ratioAtMost(1.1) },
      figure('oneStructNs', 'on one struct'),
    ],
  }
}

/** Whether reading metrics disturbs whoever records them. */
export function scraped({ paced }: Sizes): Benchmark {
  const events = Math.min(paced, SCRAPED_EVENTS)
  const figure = (percentile: string, title: string, speed: string): Figure => ({
    name: `scraped.${speed}.${percentile}`,
    title: `${speed === 'full' ? 'at full speed' : 'a million a second'}, ${title}`,
    unit: 'ns',
    value: { contestant: `${speed}-scraped`, figure: percentile },
    reference: { contestant: `${speed}-alone`, figure: percentile, title: 'nobody reads' },
  })
  const target = ratioAtMost(1.1)
  const full = { contest: 'paced', events, fullSpeed: true }
  return {
    name: 'scraped',
    title: 'appending while metrics are read',
    method: `The time inside \`append\` of ${millions(events)} events as in B4, while another thread takes a snapshot of all
metrics and writes it out for Prometheus: a million events a second and a reading a second, and events as fast as they can be
and ten readings a second.`,
    contestants: {
      'paced-scraped': native({ contest: 'paced', events, scrapeMs: 1_000 }),
      'paced-alone': native({ contest: 'paced', events }),
      'full-scraped': native({ ...full, scrapeMs: 100 }),
      'full-alone': native(full),
    },
    figures: ['paced', 'full'].flatMap(speed => [
      figure('p50Ns', '50 %', speed),
      figure('p99Ns', '99 %', speed),
      { ...figure('p999Ns', '99.9 %', speed), target },
    ]),
  }
}
