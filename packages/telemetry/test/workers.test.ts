import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'

const program = `
  import { workerData, parentPort } from 'node:worker_threads'
  const { walMetrics } = await import(workerData.telemetry)
  if (workerData.idle) {
    parentPort.postMessage('loaded')
    await new Promise(resolve => parentPort.once('message', resolve))
  } else {
    const source = { [Symbol.for('flashstrike.metrics')]: () => new Uint8Array(3) }
    parentPort.postMessage(walMetrics(source).snapshot().errors[0].code)
  }
`

function worker(idle: boolean): Worker {
  const telemetry = new URL('../../dist/index.js', import.meta.url).href
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
    workerData: { telemetry, idle },
  })
}

test('several threads use the addon, the first of them idle', async t => {
  const idle = worker(true)
  t.deepEqual(await once(idle, 'message'), ['loaded'])
  for (let round = 0; round < 2; round += 1) {
    const busy = worker(false)
    // A worker that has ended before this thread looks tells both in one go, so both are waited for from the beginning.
    const ended = once(busy, 'exit')
    t.deepEqual(await once(busy, 'message'), ['WAL_METRICS'])
    t.deepEqual(await ended, [0])
  }
  idle.postMessage('go')
  t.deepEqual(await once(idle, 'exit'), [0])
})
