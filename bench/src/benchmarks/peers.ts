import type { Benchmark, Figure, Measure } from '../benchmark.js'
import type { Entrant } from '../contestant.js'
import type { Sizes } from '../sizes.js'
import {
  cratePeer,
  javaPeer,
  millions,
  native,
  node,
  npmPeer,
  pinned,
  ratioAtLeast,
  ratioAtMost,
} from './entrants.js'

const GROUP_EVENTS = 256
/** Of those that do the same work on the disk. */
const ONE_SYNC_EACH =
  'both wait for one sync of a few kilobytes, and what lies between the two is less than what the time of the disk changes by from round to round.'

const GATHERED =
  '256 events are in the process alone until the call, where each event of the log survives it on its own, with a checksum.'
const OPENING =
  "nine tenths of the log's time is opening it, which proves every block and that the segment prepared for later is empty; see [profiles.md](profiles.md#replay-beside-okaywal)."
const MAPPED = 'it maps its file and verifies nothing, where the log reads its own and verifies every block.'

/** Who is compared with whom. */
interface Pair {
  /** Key and title of the log's own contestant. */
  readonly ours: readonly [key: string, title: string]
  /** Key of the peer's contestant. */
  readonly key: string
  /** The peer, with what it does; `{version}` stands for its version. */
  readonly title: string
  readonly entrant: Entrant
  /** Where the log is not ahead, what stands in the way. */
  readonly why?: string
}

interface Comparison {
  readonly name: string
  readonly unit: string
  readonly figure: Omit<Measure, 'contestant'>
  /** Whether a small figure is a good one. */
  readonly lowIsGood: boolean
}

function compare(pairs: readonly Pair[], { name, unit, figure, lowIsGood }: Comparison): Figure[] {
  return pairs.map(({ ours: [key, title], key: peer, title: peerTitle, why }) => ({
    name: `${name}.${key}.${peer}`,
    title,
    unit,
    value: { contestant: key, ...figure },
    reference: { contestant: peer, ...figure, title: peerTitle },
    target: lowIsGood ? ratioAtMost(1) : ratioAtLeast(1),
    ...(why === undefined ? {} : { why }),
  }))
}

/** Chronicle Queue, which is compared with the log's own side in a compiled language. */
function chronicle(ours: Pair['ours'], contest: string, events: number, what: string): Pair {
  const entrant = javaPeer('chronicle-queue', { contest, events })
  return { ours, key: 'chronicle-queue', title: `Chronicle Queue {version}, ${what}`, entrant }
}

function pinnedPair(pair: Pair): Pair {
  return { ...pair, entrant: pinned(pair.entrant) }
}

function entrants(pairs: readonly Pair[]): Record<string, Entrant> {
  return Object.fromEntries(pairs.map(({ key, entrant }) => [key, entrant]))
}

export function peersAppend({ appends, slowAppends }: Sizes): Benchmark {
  const javascript = ['fields', 'append.fields(…)'] as const
  const rust = ['rust', 'Recorder::append'] as const
  const npm = (key: string, peer: string, events: number, title: string, why?: string): Pair => ({
    ours: javascript,
    key,
    title,
    entrant: npmPeer(peer, { contest: 'append', events }),
    ...(why === undefined ? {} : { why }),
  })
  const crate = (peer: string, title: string): Pair => ({
    ours: rust,
    key: peer,
    title,
    entrant: cratePeer(peer, { contest: 'append', events: wholeGroups(slowAppends) }),
  })
  const pairs = [
    npm('write-sync', 'fs.writeSync', appends, '`fs.writeSync`, 16 KiB a call', GATHERED),
    npm(
      'writev-sync',
      'fs.writevSync',
      appends,
      '`fs.writevSync`, 16 × 16 KiB a call',
      '4 096 events are in the process alone until the call, where each event of the log survives it on its own, with a checksum.',
    ),
    npm('sonic-boom', 'sonic-boom', appends, '`sonic-boom` {version}, sync, 16 KiB a call', GATHERED),
    npm('lmdb', 'lmdb', slowAppends, '`lmdb` {version}, noSync, transactions of 256'),
    npm(
      'better-sqlite3',
      'better-sqlite3',
      slowAppends,
      '`better-sqlite3` {version}, WAL, synchronous = OFF, transactions of 256',
    ),
    npm('classic-level', 'classic-level', slowAppends, '`classic-level` {version}, batches of 256'),
    npm('event-storage', 'event-storage', slowAppends, '`event-storage` {version}, flushed every 256'),
    crate('raft-engine', '`raft-engine` {version}, batches of 256'),
    crate('walrus-rust', '`walrus-rust` {version}, mapped, not synced'),
    crate('rocksdb', '`rocksdb` {version}, batches of 256'),
    chronicle(rust, 'append', appends, 'documents of 256'),
  ]
  return {
    name: 'peers-append',
    title: 'append, beside others',
    method: `${millions(appends)} events, ${millions(slowAppends)} where one takes long, that survive the death of the process, not a
power cut. The log takes one event a call and keeps each at once; the others get 256 at a time, or 4 096, which is
faster for all of them, and what is still being gathered is lost with the process. \`okaywal\` always syncs and is not here.`,
    contestants: {
      fields: node({ contest: 'append-fields', events: appends }),
      rust: native({ contest: 'append', events: appends }),
      ...entrants(pairs),
    },
    figures: compare(pairs, {
      name: 'peers-append',
      unit: 'ns/event',
      figure: { figure: 'nsPerEvent' },
      lowIsGood: true,
    }),
    chart: { file: 'peers-append', title: 'An append, beside others', unit: 'ns/event', best: 'low' },
  }
}

export function peersCommit({ peerSyncs: syncs }: Sizes): Benchmark {
  const npm = (peer: string, title: string, why?: string): Pair => ({
    ours: ['durable-sync', 'append + durableSync()'],
    key: peer,
    title,
    entrant: pinned(npmPeer(peer, { contest: 'commit', syncs })),
    ...(why === undefined ? {} : { why }),
  })
  const crate = (peer: string, title: string): Pair => ({
    ours: ['rust', 'Rust: append + durable_sync'],
    key: peer,
    title,
    entrant: pinned(cratePeer(peer, { contest: 'commit', events: syncs })),
    why: ONE_SYNC_EACH,
  })
  const pairs = [
    npm('fs.writeSync', '`fs.writeSync` of 64 B + fdatasync, zero-filled file', ONE_SYNC_EACH),
    npm('sonic-boom', '`sonic-boom` {version}, fsync'),
    npm('lmdb', '`lmdb` {version}, a transaction'),
    npm('better-sqlite3', '`better-sqlite3` {version}, WAL, synchronous = FULL'),
    npm('classic-level', '`classic-level` {version}, sync'),
    npm('event-storage', '`event-storage` {version}, syncOnFlush'),
    crate('okaywal', '`okaywal` {version}'),
    crate('raft-engine', '`raft-engine` {version}, sync'),
    crate('walrus-rust', '`walrus-rust` {version}, mapped, SyncEach'),
    crate('rocksdb', '`rocksdb` {version}, sync'),
    pinnedPair({
      ...chronicle(['rust', 'Rust: append + durable_sync'], 'commit', syncs, 'sync()'),
      why: ONE_SYNC_EACH,
    }),
  ]
  return {
    name: 'peers-commit',
    title: 'durable commit with one waiter, beside others',
    method: `${syncs} times one event that survives a power cut, the next one after it; p50. All contestants are kept on one
processor, another one in each round. The log has \`smallSyncs\`.`,
    moreRounds: 2,
    contestants: {
      'durable-sync': pinned(node({ contest: 'durable-sync', syncs })),
      rust: pinned(native({ contest: 'commit', syncs })),
      ...entrants(pairs),
    },
    figures: compare(pairs, {
      name: 'peers-commit',
      unit: 'µs',
      figure: { figure: 'p50Us' },
      lowIsGood: true,
    }),
    chart: { file: 'peers-commit', title: 'A durable commit, beside others', unit: 'µs', best: 'low' },
  }
}

export function peersGroup({ peerGroups: events, slowGroups }: Sizes): Benchmark {
  const group = ['group', '256 × append.fields(…), then durableSync()'] as const
  const flight = ['in-flight', '256 × await durable(id)'] as const
  const rust = ['rust', 'Rust: 256 × append, then durable_sync'] as const
  const npm = (peer: string, title: string, why?: string): Pair => ({
    ours: group,
    key: peer,
    title,
    entrant: npmPeer(peer, { contest: 'group', events: wholeGroups(events) }),
    ...(why === undefined ? {} : { why }),
  })
  const puts = (peer: string, title: string): Pair => ({
    ours: flight,
    key: `${peer}-in-flight`,
    title,
    entrant: npmPeer(peer, { contest: 'in-flight', events: events / 4, inFlight: GROUP_EVENTS }),
  })
  const crate = (peer: string, title: string, most = events): Pair => ({
    ours: rust,
    key: peer,
    title,
    entrant: cratePeer(peer, { contest: 'group', events: wholeGroups(most) }),
  })
  const pairs = [
    npm(
      'fs.writeSync',
      '`fs.writeSync` of 16 KiB + fdatasync, zero-filled file',
      'it gathers 256 events in the process and writes them as they are, in one call; each event of the log survives the process on its own, and its blocks have checksums and a chain.',
    ),
    npm('sonic-boom', '`sonic-boom` {version}, 16 KiB, fsync'),
    npm('lmdb', '`lmdb` {version}, a transaction of 256'),
    npm('better-sqlite3', '`better-sqlite3` {version}, FULL, a transaction of 256'),
    npm('classic-level', '`classic-level` {version}, a batch of 256, sync'),
    npm('event-storage', '`event-storage` {version}, syncOnFlush, 256 a flush'),
    puts('lmdb', '`lmdb` {version}, 256 put() in flight'),
    puts('classic-level', '`classic-level` {version}, 256 put() in flight, sync'),
    crate('okaywal', '`okaywal` {version}, an entry of 256'),
    crate('raft-engine', '`raft-engine` {version}, a batch of 256, sync'),
    crate('walrus-rust', '`walrus-rust` {version}, a batch of 256, SyncEach', slowGroups),
    crate('rocksdb', '`rocksdb` {version}, a batch of 256, sync'),
    chronicle(rust, 'group', wholeGroups(events), 'a document of 256, sync()'),
  ]
  return {
    name: 'peers-group',
    title: 'durable commit of many, beside others',
    method: `Events that survive a power cut, 256 for each sync, or 256 in flight of which each is waited for on its own. The log
has \`smallSyncs\` and takes one event a call; the others get the 256 at a time where they can.`,
    contestants: {
      group: node({ contest: 'group', events: wholeGroups(events), group: GROUP_EVENTS }),
      'in-flight': node({ contest: 'in-flight', events, inFlight: GROUP_EVENTS }),
      rust: native({ contest: 'group', events: wholeGroups(events), group: GROUP_EVENTS }),
      ...entrants(pairs),
    },
    figures: compare(pairs, {
      name: 'peers-group',
      unit: 'k events/s',
      figure: { figure: 'eventsPerSecond', scale: 1e-3 },
      lowIsGood: false,
    }),
    chart: {
      file: 'peers-group',
      title: 'Durable commits of many, beside others',
      unit: 'k events/s',
      best: 'high',
    },
  }
}

export function peersReplay({ slowAppends }: Sizes): Benchmark {
  const events = wholeGroups(slowAppends)
  const npm = (peer: string, title: string): Pair => ({
    ours: ['javascript', 'replay from JavaScript'],
    key: peer,
    title,
    entrant: npmPeer(peer, { contest: 'replay', events }),
  })
  const crate = (peer: string, title: string, why?: string): Pair => ({
    ours: ['rust', 'replay from Rust'],
    key: peer,
    title,
    entrant: cratePeer(peer, { contest: 'replay', events }),
    ...(why === undefined ? {} : { why }),
  })
  const pairs = [
    npm('lmdb', '`lmdb` {version}, getRange()'),
    npm('better-sqlite3', '`better-sqlite3` {version}, ordered by its key'),
    npm('classic-level', '`classic-level` {version}, 4 096 values at once'),
    npm('event-storage', '`event-storage` {version}, readRange()'),
    crate('okaywal', '`okaywal` {version}, recovery of entries of 256', OPENING),
    crate('raft-engine', '`raft-engine` {version}, 4 096 entries at once'),
    crate('walrus-rust', '`walrus-rust` {version}, 1 MiB at once'),
    crate('rocksdb', '`rocksdb` {version}, its log'),
    { ...chronicle(['rust', 'replay from Rust'], 'replay', events, 'documents of 256'), why: MAPPED },
  ]
  return {
    name: 'peers-replay',
    title: 'replay, beside others',
    method: `${millions(events)} events from the page cache, the sum of three fields, from opening the store to the last event;
the second time, since the first one pays for memory. The log verifies every block.`,
    contestants: {
      javascript: node({ contest: 'replay', events }),
      rust: native({ contest: 'replay', events }),
      ...entrants(pairs),
    },
    figures: compare(pairs, {
      name: 'peers-replay',
      unit: 'M events/s',
      figure: { figure: 'eventsPerSecond', scale: 1e-6 },
      lowIsGood: false,
    }),
    chart: { file: 'peers-replay', title: 'A replay, beside others', unit: 'M events/s', best: 'high' },
  }
}

function wholeGroups(events: number): number {
  return Math.ceil(events / GROUP_EVENTS) * GROUP_EVENTS
}
