// A process of its own with a recorder whose metrics lie on a page: DIRECTORY PAGE EVENTS. It says `ready` once all events
// are there, and closes the recorder when its standard input ends.
import { once } from 'node:events'
import { join } from 'node:path'
import { Recorder } from '@flashstrike/wal-recorder'

const [, , directory = '', file = '', events = '0'] = process.argv
/** So that it runs where there is no memory to put files in. */
const allowFileSystem = ['ext4', 'xfs', 'overlay', 'btrfs']
const wal = await Recorder.open({ dir: join(directory, 'tmp'), telemetry: { file, allowFileSystem } })
for (let i = 0; i < Number(events); i += 1) wal.append(`event ${i}`)
await wal.durable()
console.log('ready')
process.stdin.resume()
await once(process.stdin, 'end')
await wal.close()
