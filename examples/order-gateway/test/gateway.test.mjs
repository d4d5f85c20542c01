import { directory, start } from '@flashstrike/example-testing'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'

const CLIENTS = 20

async function gateway(t, dir) {
  const running = start(t, new URL('../main.mjs', import.meta.url), [dir], { PORT: '0' })
  const { value: url } = await running.lines.next()
  const send = async body => {
    const response = await fetch(url, { method: 'POST', body })
    return { status: response.status, ...(await response.json()) }
  }
  return { running, url, send, order: order => send(JSON.stringify(order)) }
}

test('every order that was answered is in the log of a gateway that was killed', async t => {
  const dir = `${directory(t)}/orders`
  const answered = new Map()
  for (const killAt of [100, 200, 300]) {
    const { running, order } = await gateway(t, dir)
    let killed
    const client = async account => {
      for (let quantity = 1; ; quantity += 1) {
        const sent = { account, price: 1000 + quantity, quantity, isBuy: quantity % 2 === 0 }
        // The gateway is dead, and nobody knows of this one.
        const answer = await order(sent).catch(() => undefined)
        if (answer === undefined) return
        t.is(answer.status, 201, answer.error)
        t.false(answered.has(answer.id), 'each has an id of its own')
        answered.set(answer.id, sent)
        if (answered.size >= killAt) killed ??= running.kill()
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, account) => client(account)))
    await killed
  }
  const log = await Recovery.open({ dir })
  const found = new Map(
    Array.from(log.replay(), ({ event_id: id, account, price, quantity, isBuy }) => [
      id,
      { account, price, quantity, isBuy: isBuy === 1 },
    ]),
  )
  // Death of the process leaves events alive that were not durable; a power cut would not.
  const { durableEventId } = await log.verify()
  t.true(durableEventId >= Math.max(...answered.keys()), `${durableEventId} durable`)
  await log.close()
  for (const [id, order] of answered) t.deepEqual(found.get(id), order, `order ${id}`)
})

test('what is no order is refused and leaves nothing behind', async t => {
  const dir = `${directory(t)}/orders`
  const { running, url, send, order } = await gateway(t, dir)
  for (const [body, status] of [
    ['no order', 400],
    ['{"account":1}', 400],
    ['{"account":1,"price":1,"quantity":-1,"isBuy":true}', 400],
    ['{"account":1,"price":1,"quantity":1}', 400],
    ['{"account":1,"price":1,"quantity":1,"isBuy":"no"}', 400],
    ['null', 400],
    [' '.repeat(2000), 413],
  ]) {
    t.is((await send(body)).status, status, body)
  }
  t.is((await fetch(url)).status, 404)
  t.deepEqual(await order({ account: 1, price: 1, quantity: 1, isBuy: true }), { status: 201, id: 1 })
  running.child.kill('SIGTERM')
  t.is(await running.ended(), 0)
})
