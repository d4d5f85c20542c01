import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect, createServer } from 'node:net'
import { gunzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { MetricsError, type ServeOptions, walMetrics } from '#src/index.js'
import { listen } from '#src/prometheus/server.js'
import { ask, raw } from './http-client.js'
import { goldenBytes, sourceOf } from './support.js'

const metrics = walMetrics(sourceOf(goldenBytes))
const EVENTS = 'wal_recorder_manager_events_total{'

/** A server on a free port, closed with its test. */
async function serving(t: ExecutionContext, options: Partial<ServeOptions> = {}) {
  const server = await metrics.serve({ port: 0, ...options })
  t.teardown(() => server.close())
  return { server, at: (path: string) => new URL(path, server.url).href }
}

const onLinux = process.platform === 'linux' ? test : test.skip

// Everywhere else only one of the addresses of loopback is there.
onLinux('nobody is listened to but on the address that was asked for', async t => {
  const { server } = await serving(t)
  const other = connect({ port: server.port, host: '127.0.0.2' })
  t.teardown(() => other.destroy())
  const outcome = await once(other, 'connect').then(
    () => 'connected',
    ({ code }: NodeJS.ErrnoException) => code,
  )
  t.is(outcome, 'ECONNREFUSED')
})

test('the metrics are served on loopback, in the format that is asked for', async t => {
  const { server } = await serving(t)
  t.is(server.url, `http://127.0.0.1:${server.port}/metrics`)
  const { status, headers, body } = await ask(server.url)
  t.is(status, 200)
  t.is(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.is(headers['content-length'], String(body.length))
  t.is(headers['cache-control'], 'no-store')
  t.is(headers.vary, 'Accept, Accept-Encoding')
  t.true(body.includes(EVENTS))
  const open = await ask(server.url, { headers: { Accept: 'application/openmetrics-text;version=1.0.0' } })
  t.is(open.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  t.true(open.body.toString().endsWith('# EOF\n'))
  const protobuf =
    'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'
  const native = await ask(server.url, { headers: { Accept: protobuf } })
  t.is(native.headers['content-type'], protobuf)
  t.true(native.body.equals(metrics.prometheus({ format: 'protobuf' })))
})

test('a target with scheme and host, as proxies are asked, is the one that is behind them', async t => {
  const { server } = await serving(t)
  for (const [path, status] of [
    ['http://wal.example/metrics', 200],
    ['HTTP://wal.example:80/metrics?a=b', 200],
    ['http://[::1]/-/healthy', 200],
    ['http://wal.example', 404],
    ['http://wal.example/other', 404],
    ['http://wal.example?/metrics', 404],
    ['https://wal.example/metrics', 404],
    ['//wal.example/metrics', 404],
    ['/other?http://wal.example/metrics', 404],
  ] as const)
    t.is((await ask(server.url, { path })).status, status, path)
})

test('what is asked for is compressed for those who take it', async t => {
  const { server } = await serving(t)
  const { headers, body } = await ask(server.url, { headers: { 'Accept-Encoding': 'gzip' } })
  t.is(headers['content-encoding'], 'gzip')
  t.is(gunzipSync(body).toString(), metrics.prometheus())
})

test('HEAD has the headers of GET and nothing else', async t => {
  const { server } = await serving(t)
  const { status, headers, body } = await ask(server.url, { method: 'HEAD' })
  t.is(status, 200)
  t.true(Number(headers['content-length']) > 1000)
  t.is(body.length, 0)
})

test('nothing but the metrics and its health is there', async t => {
  const { server, at } = await serving(t)
  const healthy = await ask(at('/-/healthy'))
  t.deepEqual([healthy.status, healthy.body.toString()], [200, 'ok\n'])
  for (const path of [
    '/',
    '/metrics/',
    '/metrics/x',
    '/METRICS',
    '//metrics',
    '/%6detrics',
    '/-/ready',
    '/favicon.ico',
  ]) {
    const { status, body } = await ask(`http://127.0.0.1:${server.port}${path}`)
    t.deepEqual([status, body.toString()], [404, 'the metrics are at /metrics\n'], path)
  }
  t.is((await ask(at('/metrics?name[]=x&y=../../etc/passwd'))).status, 200, 'a query means nothing')
  t.is((await ask(server.url, { headers: { Host: 'elsewhere' } })).status, 200)
})

test('the metrics can only be read', async t => {
  const { server, at } = await serving(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
    const { status, headers } = await ask(server.url, { method })
    t.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method)
  }
  t.is((await ask(at('/-/healthy'), { method: 'DELETE' })).status, 405)
  const sized = await ask(server.url, { method: 'GET', headers: { 'Content-Length': '3' }, body: 'abc' })
  t.deepEqual([sized.status, sized.headers.connection], [413, 'close'])
  // Whoever asks first whether to send it is told not to.
  const chunked =
    'POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n'
  t.regex(await raw(server.port, chunked), /^HTTP\/1\.1 413 /)
})

test('path and names can be others', async t => {
  const { server, at } = await serving(t, { path: '/wal', legacyNames: true })
  t.true(server.url.endsWith('/wal'))
  t.is((await ask(at('/metrics'))).status, 404)
  const { headers, body } = await ask(server.url, { headers: { Accept: 'application/openmetrics-text' } })
  t.is(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.true(body.includes('mc_wal_segment_writer_open_new_segment_total_ns'))
})

test('options that do not exist or are wrong are refused with what there is', async t => {
  const check = async (options: unknown, message: RegExp) => {
    const error = await t.throwsAsync(metrics.serve(options as ServeOptions), { instanceOf: MetricsError })
    t.is(error?.code, 'WAL_UNSUPPORTED')
    t.regex(error?.message ?? '', message)
  }
  await check({}, /needs a port: a whole number from 0 to 65535/)
  await check({ port: 65_536 }, /got 65536 for port/)
  await check({ port: '9464' }, /got '9464' for port/)
  await check({ port: 0, hostname: 'x' }, /has no option hostname: it takes port, host, path, legacyNames/)
  await check({ port: 0, host: '' }, /got '' for host: it takes an address or a host name/)
  await check({ port: 0, host: '127.0.0.1\0.example' }, /for host: it takes an address or a host name/)
  await check({ port: 0, host: new URL('http://localhost/') }, /got http:\/\/localhost\/ for host: /)
  for (const path of ['metrics', '/metrics?x', '/a b', '/-/healthy', 7, '/é', '/<x>', '/a/../b', '/a\\b']) {
    await check({ port: 0, path }, /for path: it takes a path that begins with \//)
  }
  await check(Object.create({ port: '9464' }), /got '9464' for port/)
  await check(Object.create({ port: 0, host: 7 }), /got 7 for host/)
  await check(
    new URL('http://localhost:9464/'),
    /got http:\/\/localhost:9464\/: it takes an object with port/,
  )
  await check(undefined, /got undefined: it takes an object with port, host, path, legacyNames/)
})

test('where it cannot listen it says what, where, and what to do', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const error = await t.throwsAsync(metrics.serve({ port }), { instanceOf: MetricsError })
  t.is(error?.code, 'WAL_LISTEN')
  t.is(
    error?.message,
    `serve() cannot listen on port ${port} of 127.0.0.1 (EADDRINUSE): something listens there already: take another ` +
      'port, or 0 for one that is free',
  )
  t.like(error?.cause, { code: 'EADDRINUSE' })
  const foreign = await t.throwsAsync(metrics.serve({ port: 0, host: '192.0.2.1' }), { code: 'WAL_LISTEN' })
  t.regex(foreign?.message ?? '', /of 192\.0\.2\.1 \(EADDRNOTAVAIL\): this machine has no such address/)
})

test('a closed server is gone, and closing it again is fine', async t => {
  const server = await metrics.serve({ port: 0 })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  t.is((await ask(server.url, { agent })).status, 200)
  await Promise.all([server.close(), server.close()])
  await server[Symbol.asyncDispose]()
  await t.throwsAsync(ask(server.url), { code: 'ECONNREFUSED' })
})

test('metrics that cannot be written are told, and the server goes on', async t => {
  let calls = 0
  const server = await listen(
    () => {
      calls += 1
      if (calls === 1) throw new Error('cannot')
      return Buffer.from('x 1\n')
    },
    { port: 0 },
  )
  t.teardown(() => server.close())
  const { status, body } = await ask(server.url)
  t.deepEqual([status, body.toString()], [500, 'the metrics could not be written\n'])
  t.is((await ask(server.url)).status, 200)
})

const program = `
  const { walMetrics } = await import(process.argv[1])
  const server = await walMetrics().serve({ port: 0 })
  if (process.argv[2] === 'ref') server.ref()
  // A connection that is kept, as Prometheus keeps its own.
  const { Agent, get } = await import('node:http')
  const agent = new Agent({ keepAlive: true })
  await new Promise(resolve => get(server.url, { agent }, response => response.resume().on('end', resolve)))
  // Keeps nothing alive itself: it comes only while something else does.
  const stayed = () => { console.log('stayed'); agent.destroy(); server.unref() }
  if (process.argv[2] === 'ref') setTimeout(stayed, 50).unref()
  process.on('exit', () => console.log('left'))
`

test('a process ends without closing its server, unless it is told to stay', async t => {
  for (const [mode, said] of [
    ['plain', 'left\n'],
    ['ref', 'stayed\nleft\n'],
  ] as const) {
    const telemetry = new URL('../../dist/index.js', import.meta.url).href
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, telemetry, mode])
    let output = ''
    child.stdout.on('data', part => (output += part))
    child.stderr.on('data', part => (output += part))
    t.deepEqual(await once(child, 'close'), [0, null], output)
    t.is(output, said)
  }
})
