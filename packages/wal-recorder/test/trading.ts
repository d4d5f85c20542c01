/** A small exchange that comes to grief, as a process of its own: `node trading.js DIRECTORY FATE`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Recorder } from '#src/index.js'
import { until } from './programs.js'
import { trades } from './trades.js'

/** With the first one as many as the trades below fill, so that they can be appended in one go. */
const AHEAD = 3

const [, , dir = '', fate] = process.argv
const wal = await Recorder.open({
  dir,
  ...trades,
  ...(fate === 'full' ? {} : { preparedSegments: AHEAD }),
})

function trade(count: number): void {
  for (let i = 0; i < count; i += 1) {
    const number = wal.lastEventId + 1
    wal.append({
      time: number * 1000,
      price: 101_250 + (number % 7),
      quantity: 1 + (number % 9),
      side: number % 2,
    })
  }
}

function tell(message: object): Promise<void> {
  return new Promise(resolve => process.send?.(message, () => resolve()))
}

switch (fate) {
  case 'killed':
    await die(24_980)
    break
  case 'power-cut':
    await die(20_000)
    break
  case 'closed': {
    await prepared()
    trade(25_000)
    await wal.close()
    break
  }
  case 'full':
    await fill()
    break
}

/** Has so many trades durable, and dies with 25 000 appended, of which the last 20 are in no block yet. */
async function die(durable: number): Promise<void> {
  let sealed = -1
  wal.on('sealed', segment => {
    sealed = segment
  })
  await prepared()
  trade(durable)
  await wal.durable()
  trade(24_980 - durable)
  await until(() => sealed === 2, 'the third segment is sealed')
  trade(20)
  process.kill(process.pid, 'SIGKILL')
}

function prepared(): Promise<void> {
  return until(() => existsSync(join(dir, `0000000${AHEAD}.wal`)), 'segments are ready')
}

/** Appends until the disk is full, and goes on when it is told that somebody has seen it. */
async function fill(): Promise<void> {
  for (;;) {
    try {
      trade(100)
      await wal.durable()
    } catch (error) {
      const { code, message } = error as Error & { code: string }
      if (code === 'WAL_FULL') {
        await tell({ code, message })
        break
      }
      if (code !== 'WAL_BACKPRESSURE') throw error
      await wal.drain().catch(() => {})
    }
  }
  await wal.durable()
  process.once('message', async () => {
    wal.setRetention({ hotSegments: 2, coldSegments: 0 })
    await wal.drain()
    trade(1)
    await wal.durable()
    await until(() => !existsSync(join(dir, '00000002.wal')), 'space was made')
    await tell({ resumed: true })
    process.once('message', () => process.exit())
  })
}
