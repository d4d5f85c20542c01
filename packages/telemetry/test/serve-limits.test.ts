/** What one client of the server of metrics can take at most. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { LIMITS, type Limits, listen } from '#src/prometheus/server.js'
import { ask, raw, sent } from './http-client.js'

const short: Limits = {
  headerBytes: 1024,
  connections: 2,
  answers: 1,
  answersEach: 2,
  headersMs: 100,
  stalledMs: 200,
  idleMs: 100,
  closingMs: 100,
}

/** Nothing runs out, however busy the machine is. */
const patience = { connections: 64, headersMs: 600_000, stalledMs: 600_000, idleMs: 600_000 }

async function limited(t: ExecutionContext, limits: Partial<Limits>, body = Buffer.from('x 1\n')) {
  const server = await listen(() => body, { port: 0 }, { ...short, ...limits })
  t.teardown(() => server.close())
  return server
}

/** With the limits of `serve()`. */
async function ofDefaults(t: ExecutionContext, body: Buffer) {
  const server = await listen(() => body, { port: 0 })
  t.teardown(() => server.close())
  return server
}

test('a client that takes its time is not waited for', async t => {
  const { port } = await limited(t, { ...patience, headersMs: 100 })
  t.is(await raw(port, ''), 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
  t.regex(await raw(port, 'GET /metrics HTTP/1.1\r\nHost: '), /^HTTP\/1\.1 408 /)
})

test('after an answer the connection is kept for a while, and no longer', async t => {
  const { port } = await limited(t, { ...patience, idleMs: 100 })
  t.regex(await raw(port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 OK/)
})

test('what is no request, or too long a one, is refused', async t => {
  const { port } = await limited(t, patience)
  t.regex(await raw(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.regex(await raw(port, `GET /metrics HTTP/1.1\r\nX: ${'x'.repeat(2000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
})

test('a client that does not take its answer is dropped', async t => {
  // More than all buffers between the two hold.
  const body = Buffer.alloc(64 << 20)
  const { port, url } = await limited(t, { ...patience, stalledMs: 200, connections: 1 }, body)
  const { socket, closed } = sent(port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'readable')
  // Its place is free again.
  await untilAnswered(t, new URL('/-/healthy', url).href)
  let received = 0
  socket.on('data', part => (received += part.length))
  await closed
  t.true(received < body.length, `${received} bytes`)
})

test('a client that asks several times at once and breaks off is forgotten', async t => {
  const limits = { ...patience, answers: 2, closingMs: 600_000 }
  const server = await limited(t, limits, Buffer.alloc(8 << 20))
  const { socket, closed } = sent(server.port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2))
  await once(socket, 'readable')
  socket.resetAndDestroy()
  await closed
  await untilAnswered(t, server.url)
  await t.notThrowsAsync(server.close())
})

for (const limits of [{ connections: 2 }, { connections: LIMITS.connections }]) {
  test(`there are no more connections than the limit: ${limits.connections}`, async t => {
    const isDefault = limits.connections === LIMITS.connections
    const { port, url } = isDefault
      ? await ofDefaults(t, Buffer.from('x 1\n'))
      : await limited(t, { ...patience, ...limits })
    const sockets = Array.from({ length: limits.connections }, () => connect({ port, host: '127.0.0.1' }))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
    })
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    await t.throwsAsync(ask(url))
    sockets.pop()?.destroy()
    await untilAnswered(t, url)
  })
}

test('a client that goes on asking without taking answers is broken off', async t => {
  const { port, url } = await limited(t, { ...patience, idleMs: 100, answersEach: 2 })
  const said = await raw(port, 'GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500))
  t.true(said.split('HTTP/1.1 ').length - 1 <= 2, said)
  t.is((await ask(url)).status, 200)
})

test('connections that idle do not keep out who asks', async t => {
  const { url } = await limited(t, { ...patience, connections: 3 })
  const agents = Array.from({ length: 6 }, () => new Agent({ keepAlive: true }))
  t.teardown(() => {
    for (const agent of agents) agent.destroy()
  })
  for (const agent of agents) t.is((await ask(url, { agent })).status, 200)
})

test('closing waits for an answer that is taken, and not for one that is not', async t => {
  const server = await limited(t, patience, Buffer.alloc(64 << 20))
  const { socket, closed: gone } = sent(server.port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'readable')
  await server.close()
  socket.resume()
  await gone
  const patient = await limited(t, { ...patience, closingMs: 600_000 }, Buffer.alloc(8 << 20))
  const asked = request(patient.url, { agent: false }).end()
  const [response] = await once(asked, 'response')
  const closed = patient.close()
  let received = 0
  for await (const part of response) received += part.length
  t.is(received, 8 << 20)
  await closed
})

/** A client that is being answered and takes nothing of it; gives what breaks it off. */
async function stalled(t: ExecutionContext, port: number): Promise<() => void> {
  for (let tries = 0; ; tries += 1) {
    const { socket } = sent(port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'readable')
    // The place of whoever was answered before may be free only now.
    if (String(socket.read(12)) === 'HTTP/1.1 200') return () => socket.destroy()
    socket.destroy()
    t.true(tries < 6_000)
  }
}

test('whoever asks while as many as the limit are being answered is told to come again, until one of them is gone', async t => {
  const { port, url } = await limited(t, { ...patience, answers: 2 }, Buffer.alloc(64 << 20))
  const first = await stalled(t, port)
  const second = await stalled(t, port)
  for (let tries = 0; tries < 3; tries += 1) {
    const { status, headers, body } = await ask(url)
    t.is(status, 503)
    t.is(body.toString(), 'too many requests at a time\n')
    t.is(headers['retry-after'], '1')
  }
  t.is((await ask(new URL('/-/healthy', url).href)).status, 200, 'the process answers all the same')
  t.is((await ask(new URL('/other', url).href)).status, 404)
  first()
  await untilAnswered(t, url)
  second()
})

test('serve() keeps to what its page says that nobody can hold it up with', async t => {
  const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const { headerBytes, connections, answers, answersEach, headersMs, stalledMs } = LIMITS
  const said = [
    `${headerBytes / 1024} KiB of headers, no bodies, ${connections} connections, ${answers} answers at a time and ${answersEach} of them on one connection`,
    `${headersMs / 1000} s for a request, ${stalledMs / 1000} s for a client that takes nothing`,
  ]
  t.true(page.includes(`Nobody can hold it up: ${said.join(', ')}.`), said.join(', '))
  const { closingMs, idleMs } = LIMITS
  t.is(closingMs, 1000, 'the second of close()')
  t.true(idleMs > 60_000, 'longer than scrapes are apart, which is a minute where nobody says otherwise')
})

test('where nobody says otherwise there are as many headers and answers as it says', async t => {
  const { port, url } = await ofDefaults(t, Buffer.alloc(8 << 20))
  const healthy = new URL('/-/healthy', url).href
  const headers = (bytes: number) => ({ headers: { X: 'x'.repeat(bytes) } })
  t.is((await ask(healthy, headers(LIMITS.headerBytes - 200))).status, 200)
  t.is((await ask(healthy, headers(LIMITS.headerBytes))).status, 431)
  const answered = []
  for (let i = 0; i < LIMITS.answers; i += 1) answered.push(await stalled(t, port))
  t.is((await ask(url)).status, 503)
  for (const leave of answered) leave()
  await untilAnswered(t, url)
})

/** Asks until there is a place for one more connection. */
async function untilAnswered(t: ExecutionContext, url: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const answer = await ask(url).catch(() => undefined)
    if (answer?.status === 200) return
    t.true(tries < 6_000)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
