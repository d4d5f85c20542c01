import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs'
import { encodeEvents, GROUP_EVENTS, groupBytes } from './encoded.js'
import { collectGarbage } from './prepared.js'
import { checkReplay } from './replay.js'
import { EVENT_BYTES } from './request-event.js'
import { withScratch } from './scratch.js'

const READ_BYTES = 1 << 20
/** Written before, until the code is optimized. */
const WARM_UP_EVENTS = 500_000
const TWO_32 = 2 ** 32

/** What a file costs without a log: the same events encoded into a buffer, 16 KiB of them written at once. */
export function writeFileRound(dir: string, events: number): Promise<Record<string, number>> {
  return withScratch(dir, scratch => {
    const fd = openSync(`${scratch}/events`, 'wx')
    writeEvents(fd, 0, WARM_UP_EVENTS)
    collectGarbage()
    const start = performance.now()
    writeEvents(fd, WARM_UP_EVENTS, WARM_UP_EVENTS + events)
    const ms = performance.now() - start
    closeSync(fd)
    return { nsPerEvent: (ms * 1e6) / events }
  })
}

/** Writes the events from number `first` to before `end` to a file, a group a call. */
function writeEvents(fd: number, first: number, end: number): void {
  for (let i = first; i < end; i += GROUP_EVENTS) {
    writeSync(fd, groupBytes, 0, encodeEvents(i, Math.min(GROUP_EVENTS, end - i)))
  }
}

/**
 * What reading costs without a log: 1 MiB at a time, three fields of every event, nothing verified. The file is made
 * in the first round.
 */
export async function readFileRound(dir: string, events: number): Promise<Record<string, number>> {
  const path = `${dir}/events`
  if (!existsSync(path)) {
    const fd = openSync(path, 'wx')
    writeEvents(fd, 0, events)
    closeSync(fd)
  }
  readEvents(path, events)
  collectGarbage()
  return { eventsPerSecond: (events * 1e3) / readEvents(path, events) }
}

/** Reads all events and gives how many milliseconds it took. */
function readEvents(path: string, events: number): number {
  const start = performance.now()
  const bytes = new Uint8Array(READ_BYTES)
  const view = new DataView(bytes.buffer)
  const fd = openSync(path, 'r')
  let sum = 0
  let count = 0
  for (let length = readSync(fd, bytes); length > 0; length = readSync(fd, bytes)) {
    sum += sumOfFields(view, length)
    count += length / EVENT_BYTES
  }
  const ms = performance.now() - start
  closeSync(fd)
  checkReplay(events, count, sum)
  return ms
}

function sumOfFields(view: DataView, length: number): number {
  let sum = 0
  for (let at = 0; at < length; at += EVENT_BYTES) {
    const price = view.getInt32(at + 20, true) * TWO_32 + view.getUint32(at + 16, true)
    const quantity = view.getUint32(at + 28, true) * TWO_32 + view.getUint32(at + 24, true)
    sum += price + quantity + view.getUint32(at + 32, true)
  }
  return sum
}
