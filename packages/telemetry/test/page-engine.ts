// A process of its own with a recorder whose metrics lie on a page: DIRECTORY PAGE EVENTS [busy]. It says `ready` once all
// events are there, and closes the recorder when its standard input ends. A busy one does by then all that recorders do with
// segments, and has refused an event.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { Recorder } from '@flashstrike/wal-recorder'
import { ANYWHERE } from './support.js'

const [, , directory = '', file = '', events = '0', how] = process.argv
const segments = {
  segmentBytes: 65_536,
  retention: { hotSegments: 2, coldSegments: 2 },
  compression: { level: 1 },
}
const isBusy = how === 'busy'
const wal = await Recorder.open({
  dir: join(directory, 'tmp'),
  telemetry: { file, allowFileSystem: ANYWHERE },
  ...(isBusy ? segments : {}),
})
await wal.appendAll(Array.from({ length: Number(events) }, (_, i) => `event ${i}`))
if (isBusy) assert.throws(() => wal.append(new Uint8Array(2 * segments.segmentBytes)))
await wal.durable()
console.log('ready')
process.stdin.resume()
await once(process.stdin, 'end')
await wal.close()
