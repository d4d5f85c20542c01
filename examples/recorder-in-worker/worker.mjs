/** The worker's side: appends what it is sent, and says what is durable. */
import { parentPort, workerData } from 'node:worker_threads'
import { Recorder } from '@flashstrike/wal-recorder'
import { Order } from './order.mjs'

const wal = await Recorder.open({ dir: workerData.dir, event: Order })

let appended = Promise.resolve()
parentPort.on('message', message => {
  appended = appended.then(() => (message === 'close' ? close() : append(message)))
})

async function append({ batch, events }) {
  try {
    const lastId = await withRoom(() => wal.appendBatch(events)) // all or none; they survive kill -9 from here on
    const firstId = lastId - events.length + 1
    // Not awaited: what is appended meanwhile shares the next sync.
    wal.durable(lastId).then(
      () => parentPort.postMessage({ batch, firstId }),
      error => refuse(batch, error),
    )
  } catch (error) {
    refuse(batch, error)
  }
}

/** Waits where the disk cannot keep up with the next segments. */
async function withRoom(append) {
  for (;;) {
    try {
      return append()
    } catch (error) {
      if (error.code !== 'WAL_BACKPRESSURE') throw error
      await wal.drain()
    }
  }
}

function refuse(batch, { code, message }) {
  parentPort.postMessage({ batch, error: { code, message } })
}

async function close() {
  await wal.close()
  parentPort.close()
}
