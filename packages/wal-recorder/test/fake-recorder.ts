import { defineEvent, type EventType, u8 } from '@flashstrike/wal-recovery/schema'
import type { ExecutionContext } from 'ava'
import type { NativeListener, NativeOpenOptions } from '#src/native.js'
import type { RecorderOptions } from '#src/options.js'
import { openRecorder, type Recorder } from '#src/recorder.js'
import { FakeNative } from './fake-native.js'

export { setImmediate as turn } from 'node:timers/promises'

export const Small = defineEvent('Small', { a: u8 })
/** Events of that type in a block. */
export const SLOTS = 4

/** A recorder over a native side in memory, and that side. */
export function open(lastId = 0) {
  return openWith({ dir: 'log', event: Small }, SLOTS * Small.size, lastId)
}

/** The same for a log of bytes. */
export function openBytes(areaBytes = 64, lastId = 0) {
  return openWith<undefined>({ dir: 'log' }, areaBytes, lastId)
}

/** The same with options and a last id of one's own. */
export function openWith<E extends EventType | undefined>(
  options: RecorderOptions<E>,
  areaBytes: number,
  lastId = 0,
) {
  let native: FakeNative | undefined
  const binding = {
    open: (given: NativeOpenOptions, listener: NativeListener) => {
      native = new FakeNative(given, listener, areaBytes, lastId)
      return native
    },
  }
  const wal = openRecorder(binding, options)
  return { wal, native: native as unknown as FakeNative }
}

/** The values of the first so many events. */
export const upTo = (count: number) => Array.from({ length: count }, (_, a) => a)

/** The entries of a byte log's published blocks. */
export function entries(t: ExecutionContext, native: FakeNative): string[] {
  const found: string[] = []
  for (const { payload, count } of native.blocks) {
    const bytes = Buffer.from(payload)
    let at = 0
    for (let i = 0; i < count; i++) {
      const length = bytes.readUInt32LE(at)
      found.push(bytes.toString('utf8', at + 4, at + 4 + length))
      const end = at + Math.ceil((4 + length) / 8) * 8
      t.true(bytes.subarray(at + 4 + length, end).every(byte => byte === 0))
      at = end
    }
    t.is(at, bytes.length)
  }
  return found
}

/** What stands in the field of each published event. */
export function fieldsOf(wal: Recorder<typeof Small>, native: FakeNative): number[] {
  wal.flush()
  return [...native.published].filter((_, i) => i % Small.size === 8)
}
