import type { Benchmark } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { native, node, pinned, ratioAtLeast, ratioAtMost } from './entrants.js'

/** Longer than a sync here takes, so that neither the committer nor the event loop sleeps in between. */
const SPIN_US = 300
/** Events whose bytes the reference of group commit writes at once. */
const GROUP_EVENTS = 256

export function commit({ syncs }: Sizes): Benchmark {
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

export function groupCommit({ inFlight256, inFlight4096, syncs }: Sizes): Benchmark {
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

/** Events in flight of the curve. */
const IN_FLIGHT = [1, 4, 16, 64, 256, 1024, 4096]
const BLOCK_BYTES = 4096
const EVENT_BYTES = 64

export function commitCurve({ curveSyncs: syncs }: Sizes): Benchmark {
  const ours = (inFlight: number) => `ours-${inFlight}`
  const reference = (inFlight: number) => `write-sync-${inFlight}`
  const value = (inFlight: number) => ({
    contestant: ours(inFlight),
    figure: 'eventsPerSecond',
    scale: 1e-3,
  })
  // The reference syncs as many events at once as are in flight.
  const written = (inFlight: number) => ({
    contestant: reference(inFlight),
    figure: 'perSecond',
    scale: inFlight / 1e3,
  })
  const entrants = IN_FLIGHT.flatMap(inFlight => {
    const writeBytes = Math.max(inFlight * EVENT_BYTES, BLOCK_BYTES)
    return [
      [ours(inFlight), node({ contest: 'in-flight', events: inFlight * syncs, inFlight })],
      [reference(inFlight), pinned(native({ contest: 'write-sync', writeBytes, syncs }))],
    ] as const
  })
  const series = [
    { title: 'append + await durable(), JavaScript', value },
    { title: 'overwrite of as many bytes + fdatasync', value: written },
  ]
  return {
    name: 'b6-curve',
    title: 'durable appends a second against the number in flight',
    method: `As B6, with so many in flight. The reference overwrites the bytes of as many events, at least 4 KiB, each time
followed by fdatasync.`,
    contestants: Object.fromEntries(entrants),
    figures: IN_FLIGHT.map(inFlight => ({
      name: `b6-curve.${inFlight}`,
      title: `${inFlight} in flight`,
      unit: 'k events/s',
      value: value(inFlight),
      reference: { ...written(inFlight), title: `${inFlight} a sync` },
    })),
    plot: {
      file: 'durable-commit',
      title: 'Durable events, thousands a second',
      x: 'events in flight',
      y: 'each awaited on its own, and as many bytes synced',
      series: series.map(({ title, value }) => ({
        title,
        points: IN_FLIGHT.map(inFlight => ({ x: String(inFlight), value: value(inFlight) })),
      })),
    },
  }
}
