import type { Benchmark } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { gib, native, onLogs, ratioAtLeast, ratioAtMost, valueAtMost } from './entrants.js'

const MIB = 2 ** 20
const KIB = 2 ** 10
/** Enough for the machine to have fetched its memory; all of it would take minutes. */
const WARM_UP_BYTES = 4 * 2 ** 30

export function sustained({ sustainedBytes: bytes, sustainedCap }: Sizes): Benchmark {
  const warmUp = { bytes: Math.min(bytes, WARM_UP_BYTES) }
  return {
    name: 'b3',
    title: 'sustained append',
    method:
      `${gib(bytes)} of segments from Rust, until all of it is on the disk: to be four times what this machine lets
wait in memory to be written. The reference writes as many bytes to one new file, 1 MiB a call, and syncs it at the end.
${sustainedCap ?? ''}`.trimEnd(),
    contestants: {
      append: { ...native({ contest: 'sustained', bytes }), warmUp },
      raw: { ...native({ contest: 'raw-sequential', bytes }), warmUp },
    },
    figures: [
      {
        name: 'b3.append',
        title: 'append, rotate, seal, close',
        unit: 'MiB/s',
        value: { contestant: 'append', figure: 'bytesPerSecond', scale: 1 / MIB },
        reference: {
          contestant: 'raw',
          figure: 'bytesPerSecond',
          scale: 1 / MIB,
          title: 'sequential writes of 1 MiB + fdatasync',
        },
        target: ratioAtLeast(0.9),
      },
    ],
    remarks: value => [
      `Of the ${seconds(value, 'seconds')} that it took, ${seconds(value, 'appendSeconds')} had gone by at the last append;
an append had to wait for room ${value({ contestant: 'append', figure: 'waits' }).toFixed(0)} times.`,
    ],
  }
}

function seconds(value: (measure: { contestant: string; figure: string }) => number, figure: string): string {
  return `${value({ contestant: 'append', figure }).toFixed(1)} s`
}

export function reopen({ largeLogBytes, smallLogBytes }: Sizes): Benchmark {
  const entrant = (bytes: number, manyUnsealed: boolean) =>
    onLogs(native({ contest: 'reopen', bytes, manyUnsealed }))
  const value = (contestant: string) => ({ contestant, figure: 'openMs' })
  const written = (contestant: string) => ({
    contestant,
    figure: 'writeMs',
    title: 'as many bytes written + fdatasync',
  })
  const small = { ...value('small'), title: `the same, log of ${gib(smallLogBytes)}` }
  const large = `log of ${gib(largeLogBytes)}`
  return {
    name: 'b9',
    title: 'open for append after a kill',
    method: `A process appends to a log, made by the recorder at full speed, and kills itself: with one segment unsealed that
is half full, or when the recorder takes no more because as many are unsealed as it lets there be. Then \`Recorder::open\`
in another process, with the cache as the kill has left it. The reference writes as many bytes as are verified to a new file,
and syncs it.`,
    prepare: [largeLogBytes, smallLogBytes].map(bytes => onLogs(native({ contest: 'large-log', bytes }))),
    contestants: {
      large: entrant(largeLogBytes, false),
      small: entrant(smallLogBytes, false),
      worst: entrant(largeLogBytes, true),
    },
    figures: [
      {
        name: 'b9.open',
        title: `${large}, one half-full segment unsealed`,
        unit: 'ms',
        value: value('large'),
        reference: written('large'),
        target: valueAtMost(50),
        why: 'what is not proved to be on the disk is written and synced once more; see [profiles.md](profiles.md#b9-opening-after-a-kill).',
      },
      {
        name: 'b9.flat',
        title: `${large}: whether its size matters`,
        unit: 'ms',
        value: value('large'),
        reference: small,
        target: ratioAtMost(1.1),
        why: 'one segment of either log is read, and what a sync takes differs by more than the two do; see [profiles.md](profiles.md#b9-opening-after-a-kill).',
      },
      {
        name: 'b9.worst',
        title: `${large}, all unsealed that may be`,
        unit: 'ms',
        value: value('worst'),
        reference: written('worst'),
      },
    ],
    remarks: value => [
      `Opening verified ${value({ contestant: 'large', figure: 'verified' })} segment of
${value({ contestant: 'large', figure: 'segments' })} with one unsealed, and
${value({ contestant: 'worst', figure: 'verified' })} in the worst case.`,
    ],
  }
}

export function syncBytes({ syncs }: Sizes): Benchmark {
  const value = (figure: string, scale: number) => ({ contestant: 'sync-bytes', figure, scale })
  return {
    name: 'b12',
    title: 'bytes written for a synced event',
    method: `${syncs} times one event of 64 bytes is appended and synced, with \`smallSyncs\`, after the segment was prepared
and everything else had been written. At the device: what the kernel counts as written to it, by everybody on this
machine; by the process, where the directory lies on no device of its own. In the log: how far the end of the segment moves.`,
    contestants: {
      'sync-bytes': native({ contest: 'sync-bytes', syncs }),
      'write-sync': native({ contest: 'write-sync', writeBytes: 4096, syncs }),
    },
    figures: [
      {
        name: 'b12.device',
        title: 'at the device',
        unit: 'KiB',
        value: value('deviceBytesPerSync', 1 / KIB),
        reference: {
          contestant: 'write-sync',
          figure: 'deviceBytesPerSync',
          scale: 1 / KIB,
          title: '4 KiB overwrite + fdatasync',
        },
        target: valueAtMost(4.3),
      },
      {
        name: 'b12.log',
        title: 'in the log',
        unit: 'B',
        value: value('logBytesPerSync', 1),
        reference: { ...value('eventBytes', 1), title: 'the event' },
        target: valueAtMost(128),
      },
    ],
  }
}
