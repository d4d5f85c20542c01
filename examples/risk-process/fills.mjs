// The process that is followed: node fills.mjs DIRECTORY
//
// It stands for an engine that records what it has filled: ten random fills every tenth of a second.
import { Recorder } from '@flashstrike/wal-recorder'
import { Fill } from './fill.mjs'

const [, , dir = './fills'] = process.argv
const wal = await Recorder.open({ dir, event: Fill, syncIntervalMs: 100 })
const below = limit => Math.floor(Math.random() * limit)

const work = setInterval(() => {
  for (let i = 0; i < 10; i += 1) {
    // Two of three are bought, so that every account is exposed too much some day.
    wal.append({ account: below(7), price: 900 + below(200), quantity: 1 + below(100), isBuy: below(3) && 1 })
  }
}, 100)
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    clearInterval(work)
    await wal.close()
  })
}
console.log(JSON.stringify({ recording: dir }))
