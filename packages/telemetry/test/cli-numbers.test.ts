/** What the command line serves and pushes of a page, beside what it dumps of it: number by number. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { SourceSnapshot } from '#src/index.js'
import { CONTENT_TYPES } from '#src/prometheus/format.js'
import { checkSamples } from './checked-samples.js'
import { end, engineWith, run, start } from './command-line.js'
import { classic, native } from './expected-samples.js'
import { startReceiver } from './otlp-receiver.js'
import { hasPrometheus, startPrometheus } from './prometheus-process.js'
import { checkReceived, expectedPoints, ofLog } from './received-series.js'

/** The page of a recorder that was closed after it had done much, and what `dump --json` says of it. */
async function closedPage(t: ExecutionContext): Promise<{ page: string; sources: SourceSnapshot[] }> {
  const { page, child } = await engineWith(t, 20_000, 'busy')
  await end(child, 'SIGTERM')
  const { code, stdout, stderr } = await run(['dump', page, '--json'])
  t.is(code, 0, stderr)
  const { sources } = JSON.parse(stdout) as { sources: SourceSnapshot[] }
  const numbers = sources.flatMap(({ metrics }) => metrics).map(({ value }) => JSON.stringify(value))
  t.true(new Set(numbers).size > 15, 'numbers that are not all the same')
  return { page, sources }
}

/** Serves a page until the test is over; gives its URL. */
async function served(t: ExecutionContext, page: string): Promise<string> {
  const server = start(['serve', page, '--port', '0'])
  t.teardown(() => server.kill('SIGKILL'))
  const [line] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  return /^http:\S+(?=: )/.exec(String(line))?.[0] ?? ''
}

/** The same in classic text, which Prometheus takes only where there is nothing else. */
async function asText(t: ExecutionContext, url: string): Promise<string> {
  const server = createServer(async (_, response) => {
    const plain = await fetch(url, { headers: { Accept: 'text/plain' } })
    response.setHeader('Content-Type', plain.headers.get('content-type') ?? '').end(await plain.text())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

test('a real Prometheus finds every number of a page that is served, as text of both kinds', async t => {
  if (!hasPrometheus(t)) return
  const { page, sources } = await closedPage(t)
  const url = await served(t, page)
  const text = await asText(t, url)
  t.is((await fetch(text)).headers.get('content-type'), CONTENT_TYPES.text)
  const prometheus = await startPrometheus(t, { open: url, text })
  for (const job of ['open', 'text']) await checkSamples(t, prometheus, job, sources, classic)
})

test('a real Prometheus finds every number of a page that is served, as protobuf', async t => {
  if (!hasPrometheus(t)) return
  const { page, sources } = await closedPage(t)
  const url = await served(t, page)
  const prometheus = await startPrometheus(t, { wal: url }, '--enable-feature=native-histograms')
  await checkSamples(t, prometheus, 'wal', sources, native)
})

for (const protocol of ['http/protobuf', 'http/json', 'grpc'] as const) {
  test.serial(`a receiver gets every number of a page that is pushed over ${protocol}`, async t => {
    const { page, sources } = await closedPage(t)
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const endpoint = protocol === 'grpc' ? receiver.grpcUrl : receiver.httpUrl
    const { code, stdout, stderr } = await run(['push', page, '-e', endpoint, '--protocol', protocol])
    t.is(code, 0, stdout + stderr)
    const { metrics, others } = ofLog(await receiver.next())
    t.deepEqual(others, [])
    checkReceived(t, metrics, expectedPoints(sources))
  })
}
