// An order gateway: PORT=8080 node main.mjs DIRECTORY
//
// POST /orders answers 201 with the order's id only when the order would survive a power cut. All requests that wait at
// the same time share one sync, so many clients cost little more than one.
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { defineEvent, i64, Recorder, u8, u32 } from '@flashstrike/wal-recorder'

const MOST_BYTES = 1024
/** What passes by itself; everything else needs somebody who looks at it. */
const BUSY = new Set(['WAL_BACKPRESSURE', 'WAL_FULL'])
/** Of an order that says neither there is nothing to guess. */
const SIDES = new Map([
  [true, 1],
  [false, 0],
])

const [, , dir = './orders'] = process.argv
const Order = defineEvent('Order', { account: u32, price: i64, quantity: u32, isBuy: u8 })
const wal = await Recorder.open({ dir, event: Order })

const server = createServer((request, response) => {
  accept(request).then(
    ({ status, body }) => answer(response, status, body),
    error => answer(response, 500, { error: error.message }),
  )
})
server.requestTimeout = 5_000
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/orders`)
})
// The log says it once: nothing can be appended any more until it is opened again.
wal.on('poisoned', error => {
  console.error(error.message)
  process.exit(1)
})
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => wal.close()).closeIdleConnections())
}

async function accept(request) {
  if (request.method !== 'POST' || request.url !== '/orders') return failed(404, 'POST an order to /orders')
  const length = Number(request.headers['content-length'] ?? Number.NaN)
  if (!(length <= MOST_BYTES))
    return failed(413, `an order has at most ${MOST_BYTES} bytes, and says how many`)
  const order = await json(request).catch(() => undefined)
  let id
  try {
    const { account, price, quantity, isBuy } = order ?? {}
    id = wal.append({ account, price, quantity, isBuy: SIDES.get(isBuy) })
  } catch (error) {
    if (BUSY.has(error.code)) return failed(503, error.message)
    // What the order lacks, or what does not fit.
    if (error.code === 'WAL_SCHEMA') return failed(400, error.message)
    throw error
  }
  await wal.durable(id)
  return { status: 201, body: { id } }
}

function failed(status, error) {
  return { status, body: { error } }
}

function answer(response, status, body) {
  if (status === 503) response.setHeader('Retry-After', '1')
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
