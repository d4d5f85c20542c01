// A log at work, for the pictures: HOME PAGES. It appends, rotates, compresses, removes, refuses and is read, at a rate that
// rises and falls, and says `at work` then. A line on its standard input has a copy of the log be read that was damaged
// meanwhile; it says `damage found` then.
import { copyFileSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Recorder } from '../../packages/wal-recorder/dist/index.js'
import { Recovery } from '../../packages/wal-recovery/dist/index.js'

const [, , home, pages] = process.argv
const dir = join(home, 'orders')
const telemetry = name => ({ file: join(pages, name) })
const SEGMENT_BYTES = 1 << 20

const wal = await Recorder.open({
  dir,
  telemetry: telemetry('recorder'),
  segmentBytes: SEGMENT_BYTES,
  retention: { hotSegments: 4, coldSegments: 12 },
  compression: { level: 1 },
})
const event = new Uint8Array(120)
for (let id = 0; id < 10; id += 1) wal.append(event)
await wal.durable()
const reader = await Recovery.open({ dir, telemetry: telemetry('recovery') })
let read = 0
process.stdin.once('data', readDamaged)
console.log('at work')

for (let turn = 0; ; turn += 1) {
  appendSome(turn)
  if (turn % 4 === 0) await waitedFor(2 + Math.round(2 * Math.sin(turn / 60)))
  if (turn % 20 === 0) readOn()
  await sleep(25)
}

function appendSome(turn) {
  const events = 100 + 70 * Math.sin(turn / 100) + 20 * Math.sin(turn / 17)
  for (let i = 0; i < events; i += 1) {
    event[i % event.length] = turn + i
    wal.append(event)
  }
  if (turn % 400 < 20) refused()
}

/** Each waits for an event of its own, and comes while another is being waited for. */
async function waitedFor(waiters) {
  const waited = []
  for (let i = 0; i <= waiters; i += 1) {
    wal.append(event)
    waited.push(wal.durable())
    await new Promise(setImmediate)
  }
  await Promise.all(waited)
}

/** An event that no segment has room for. */
function refused() {
  try {
    wal.append(new Uint8Array(2 * SEGMENT_BYTES))
  } catch {
    // Counted as a failed append, which is what it is for.
  }
}

function readOn() {
  for (const { event_id } of reader.replay({ from: read + 1 })) read = event_id
}

/** What a bad disk would leave: a copy of the log, one byte of which is another. */
async function readDamaged() {
  const copy = join(home, 'restored')
  mkdirSync(copy)
  const segments = readdirSync(dir)
    .filter(name => name.endsWith('.wal'))
    .sort()
  for (const name of segments) copyFileSync(join(dir, name), join(copy, name))
  writeSync(openSync(join(copy, segments[0]), 'r+'), Uint8Array.of(255), 0, 1, 5000)
  const log = await Recovery.open({ dir: copy, mode: 'diagnostic', telemetry: telemetry('restored') })
  for (const _ of log.replay({ onGap: gap => console.error(gap.reason) }));
  console.log('damage found')
}
