import type { Benchmark, Figure, Target } from './benchmark.js'
import type { Contest, Entrant } from './contestant.js'

/** How much a contestant does in a round. */
export interface Sizes {
  /** Events appended. */
  readonly appends: number
  /** Syncs, one after the other. */
  readonly syncs: number
  /** Events appended of which each is waited for, with 256 in flight. */
  readonly inFlight256: number
  /** The same with 4 096 in flight. */
  readonly inFlight4096: number
  /** Events replayed. */
  readonly replayed: number
  /** Segments handed over in a replay. */
  readonly handOffs: number
}

/** The sizes for figures. */
export const FULL: Sizes = {
  appends: 5_000_000,
  syncs: 2_000,
  inFlight256: 500_000,
  inFlight4096: 2_000_000,
  replayed: 10_000_000,
  handOffs: 500,
}

/** The sizes that only show that a benchmark runs. */
export const SMOKE: Sizes = {
  appends: 20_000,
  syncs: 5,
  inFlight256: 1_000,
  inFlight4096: 10_000,
  replayed: 20_000,
  handOffs: 10,
}

/** Longer than a sync here takes, so that neither the committer nor the event loop sleeps in between. */
const SPIN_US = 300

/** Events whose bytes the reference of group commit writes at once. */
const GROUP_EVENTS = 256

/** All benchmarks with these sizes. */
export function benchmarks(sizes: Sizes): readonly Benchmark[] {
  return [
    appendFromJavaScript(sizes),
    appendFromRust(sizes),
    commit(sizes),
    groupCommit(sizes),
    replay(sizes),
    handOff(sizes),
    telemetry(sizes),
  ]
}

function appendFromJavaScript({ appends: events }: Sizes): Benchmark {
  const reference = {
    contestant: 'write-file',
    figure: 'nsPerEvent',
    title: '`fs.writeSync` of 16 KiB per 256 events, same encoding',
  }
  const unit = 'ns/event'
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
    figures: [
      {
        name: 'b1.fields',
        title: 'append.fields(…)',
        unit,
        value: { contestant: 'fields', figure: 'nsPerEvent' },
        reference,
        target: ratioAtMost(0.75),
      },
      {
        name: 'b1.object',
        title: 'append({ … })',
        unit,
        value: { contestant: 'object', figure: 'nsPerEvent' },
        reference,
        target: ratioAtMost(1),
      },
    ],
  }
}

function appendFromRust({ appends: events }: Sizes): Benchmark {
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
      },
    ],
  }
}

function commit({ syncs }: Sizes): Benchmark {
  const reference = {
    contestant: 'write-sync',
    figure: 'p50Us',
    title: '4 KiB overwrite + fdatasync',
  }
  const figure = (contestant: string, title: string, limit: number) => ({
    name: `b5.${contestant}`,
    title,
    unit: 'µs',
    value: { contestant, figure: 'p50Us' },
    reference,
    target: ratioAtMost(limit),
  })
  const awaited = 'JavaScript: append + await durable()'
  return {
    name: 'b5',
    title: 'durable commit, one waiter, p50',
    method: `${syncs} times one event is appended and made durable before the next, with \`smallSyncs\`. The reference
overwrites 4 KiB after 4 KiB of a zero-filled file, each followed by fdatasync. Where one thread does it all, it is kept
on one processor, another one in each round: a sync is faster on the processor that the disk interrupts. Awaiting takes two wake-ups of a
thread beside the sync; with \`spinUs\` both threads look for so long before they sleep.`,
    contestants: {
      rust: pinned(native({ contest: 'commit', syncs })),
      'durable-sync': pinned(node({ contest: 'durable-sync', syncs })),
      durable: node({ contest: 'durable', syncs, spinUs: 0 }),
      'durable-spinning': node({ contest: 'durable', syncs, spinUs: SPIN_US }),
      'write-sync': pinned(native({ contest: 'write-sync', writeBytes: 4096, syncs })),
    },
    moreRounds: 2,
    figures: [
      figure('rust', 'Rust: append + durable_sync', 1.05),
      figure('durable-sync', 'JavaScript: append + durableSync()', 1.1),
      figure('durable', awaited, 1.25),
      figure('durable-spinning', `${awaited}, \`spinUs: ${SPIN_US}\``, 1.25),
    ],
  }
}

function groupCommit({ inFlight256, inFlight4096, syncs }: Sizes): Benchmark {
  const figure = (inFlight: number, limit: number) => ({
    name: `b6.${inFlight}`,
    title: `${inFlight} in flight`,
    unit: 'k events/s',
    value: { contestant: `in-flight-${inFlight}`, figure: 'eventsPerSecond', scale: 1e-3 },
    reference: {
      contestant: 'write-sync',
      figure: 'perSecond',
      scale: GROUP_EVENTS / 1e3,
      title: '16 KiB overwrite + fdatasync',
    },
    target: ratioAtLeast(limit),
  })
  return {
    name: 'b6',
    title: 'durable appends a second from JavaScript',
    method: `Each event is awaited on its own with \`await wal.durable(id)\`, so many of them at the same time, with
\`smallSyncs\`. The reference overwrites 16 KiB (256 events) after 16 KiB of a zero-filled file, each followed by
fdatasync.`,
    contestants: {
      'in-flight-256': node({ contest: 'in-flight', events: inFlight256, inFlight: 256 }),
      'in-flight-4096': node({ contest: 'in-flight', events: inFlight4096, inFlight: 4096 }),
      'write-sync': pinned(native({ contest: 'write-sync', writeBytes: GROUP_EVENTS * 64, syncs })),
    },
    moreRounds: 2,
    figures: [figure(256, 0.4), figure(4096, 1)],
  }
}

function replay({ replayed: events }: Sizes): Benchmark {
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
verifies nothing. The first replay of a process also pays for the memory that it gets from the system.`,
    contestants: {
      replay: node({ contest: 'replay', events }),
      'read-file': node({ contest: 'read-file', events }),
    },
    figures: [
      { ...figure('b7.hot', 'replay of hot segments', 'eventsPerSecond'), target: ratioAtLeast(0.65) },
      figure('b7.first', 'the first replay of a process', 'firstEventsPerSecond'),
    ],
  }
}

function handOff({ handOffs }: Sizes): Benchmark {
  const figure = (name: string, title: string, figure: string): Figure => ({
    name,
    title,
    unit: 'µs',
    value: { contestant: 'replay', figure },
    target: { of: 'value', bound: 'at most', limit: 2 },
  })
  return {
    name: 'b8',
    title: 'segment hand-off in replay',
    method: `How long a call for the next run of blocks takes a replay from Rust, when the preloader has had the time to make
the next segment ready: when the call goes on in that segment, ${handOffs} times, and when it stays in the same one, where
it wakes the preloader for the segment after.`,
    contestants: { replay: native({ contest: 'hand-off', handOffs }) },
    figures: [
      figure('b8.hand-off', 'into the next segment, p99', 'p99Us'),
      figure('b8.inside', 'in the same segment, p99', 'insideP99Us'),
    ],
  }
}

function telemetry({ appends: events }: Sizes): Benchmark {
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
      },
    ],
  }
}

function node(contest: Contest): Entrant {
  return { program: 'node', contest }
}

function native(contest: Contest): Entrant {
  return { program: 'native', contest }
}

function pinned(entrant: Entrant): Entrant {
  return { ...entrant, pinned: true }
}

function ratioAtMost(limit: number): Target {
  return { of: 'ratio', bound: 'at most', limit }
}

function ratioAtLeast(limit: number): Target {
  return { of: 'ratio', bound: 'at least', limit }
}

function millions(n: number): string {
  return n >= 1e6 ? `${n / 1e6} million` : String(n)
}
