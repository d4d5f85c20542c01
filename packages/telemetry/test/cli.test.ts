/** The command line, on pages of processes that live, have ended, or were killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import type { SourceSnapshot } from '#src/index.js'
import { startReceiver } from './otlp-receiver.js'

const program = fileURLToPath(new URL('../../bin/flashstrike-telemetry.js', import.meta.url))
// The one that the log's own tools are tried on.
const terminal = fileURLToPath(new URL('../../../wal-recovery/test/terminal.py', import.meta.url))
const engine = fileURLToPath(new URL('./page-engine.js', import.meta.url))

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function outcome(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const said = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        said[stream] += text
      })
    }
    child.on('error', reject)
    child.on('close', code => resolve({ code, ...said }))
  })
}

const run = (args: readonly string[], env?: Readonly<Record<string, string>>) => outcome(start(args, env))

function place(t: ExecutionContext): string {
  const found = mkdtempSync(join(tmpdir(), 'flashstrike-telemetry-'))
  t.teardown(() => rmSync(found, { recursive: true, force: true }))
  return found
}

/** A process that has appended so many events and shows it on a page. */
async function engineWith(
  t: ExecutionContext,
  events: number,
): Promise<{ page: string; child: ChildProcess }> {
  const home = place(t)
  const page = join(home, 'page')
  const child = spawn(process.execPath, [engine, home, page, String(events)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (line === 'ready') return { page, child }
  }
  throw new Error('the engine has ended')
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = once(child, 'close')
  if (signal === 'SIGKILL') child.kill(signal)
  // It closes its recorder when nobody listens any more.
  else child.stdin?.end()
  await closed
}

const eventsIn = ({ metrics }: SourceSnapshot) =>
  metrics.find(({ name }) => name === 'wal.recorder.manager.events')?.value

test('dump shows what a living, a killed and a closed process counted', async t => {
  for (const [how, state] of [
    [undefined, /^tmp · recorder: live, process \d+$/m],
    ['SIGKILL', /^tmp · recorder: process \d+ is dead, these are its last values$/m],
    ['SIGTERM', /^tmp · recorder: closed by process \d+$/m],
  ] as const) {
    const { page, child } = await engineWith(t, 300)
    if (how !== undefined) await end(child, how)
    const plain = await run(['dump', page])
    t.is(plain.code, 0, plain.stderr)
    t.regex(plain.stdout, state)
    t.regex(plain.stdout, /\[Segment Writer Metrics, log=tmp\] Snapshot:/)
    const { sources } = JSON.parse((await run(['dump', page, '--json'])).stdout)
    t.is(eventsIn(sources[0]), 300)
    t.is(sources[0].page, page)
    t.is(sources[0].state, how === undefined ? 'live' : how === 'SIGKILL' ? 'dead' : 'closed')
  }
})

test('watch draws rates and latencies again and again, and plain text without a terminal', async t => {
  const { page } = await engineWith(t, 300)
  const { code, stdout, stderr } = await run(['watch', page, '--interval', '0.05', '--times', '3'])
  t.is(code, 0, stderr)
  t.is(stdout.match(/^tmp · recorder {2}live, process \d+$/gm)?.length, 3)
  t.regex(stdout, /^ids +last 300 {3}written 300/m)
  t.regex(stdout, /^append event +/m)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what commands a terminal
  t.notRegex(stdout, /\u001b/)
})

const CTRL_C = '\u0003'

/**
 * Runs the program on a terminal of so many columns and 40 rows. Once `expected` is shown, `then` is typed, a signal of
 * this name sent, or the terminal closed (`HANGUP`).
 */
function onTerminal(
  columns: number,
  expected: string,
  then: string,
  args: readonly string[],
): Promise<Outcome> {
  const { NO_COLOR: _, ...env } = process.env
  const all = [terminal, String(columns), expected, then, process.execPath, program, ...args]
  return outcome(
    spawn('python3', all, { env: { ...env, TERM: 'xterm-256color' }, stdio: ['ignore', 'pipe', 'pipe'] }),
  )
}

/** What was shown on its own screen, of which nothing is left. */
function screensOf(t: ExecutionContext, { code, stdout }: Outcome): string {
  t.is(code, 0, JSON.stringify(stdout))
  const [before = '', rest = ''] = stdout.split('\u001b[?1049h')
  const [screens = '', after] = rest.split('\u001b[?1049l')
  t.is(before, '', 'nothing is written beside its own screen')
  t.is(after?.replaceAll('^C', ''), '', JSON.stringify(after))
  t.true(stdout.lastIndexOf('\u001b[?25h') > stdout.lastIndexOf('\u001b[?25l'), 'the cursor is there')
  return screens
}

for (const columns of [80, 200]) {
  test(`watch keeps to a terminal of ${columns} columns, and Ctrl-C gives it back`, async t => {
    const { page } = await engineWith(t, 300)
    const watched = await onTerminal(columns, 'last 10 s', CTRL_C, ['watch', page, '--interval', '0.05'])
    const screens = screensOf(t, watched)
    t.true(screens.includes('\u001b[1m'), 'it has colours')
    const lines = stripVTControlCharacters(screens).split(/\r?\n/)
    t.true(lines.some(line => line.startsWith('write block')))
    for (const line of lines) t.true(line.length <= columns, JSON.stringify(line))
  })
}

test('a supervisor and a terminal that hangs up end watch as Ctrl-C does', async t => {
  const { page } = await engineWith(t, 300)
  for (const signal of ['SIGTERM', 'SIGHUP'])
    screensOf(t, await onTerminal(80, 'last 10 s', signal, ['watch', page, '--interval', '0.05']))
  const { code } = await onTerminal(80, 'last 10 s', 'HANGUP', ['watch', page, '--interval', '0.05'])
  t.not(code, null, 'it has ended')
})

test('of a page that nobody records in any more there are no rates, however late it is looked at', async t => {
  const { page, child } = await engineWith(t, 300)
  await end(child, 'SIGKILL')
  const { stdout } = await run(['watch', page, '-i', '0.05', '-n', '3'])
  const [first = '', ...others] = stdout.split(/^(?=tmp · recorder)/m)
  t.is(others.length, 2, stdout)
  for (const other of others) t.is(other, first, 'nothing of it changes')
  t.regex(first, /^all +events 300 /m)
  t.notRegex(first, /\d\/s/)
  t.notRegex((await run(['report', page])).stdout, /\d\/s|on average/)
})

test('errors are broken between words where the terminal is narrow', async t => {
  const missing = join(place(t), 'missing')
  const { code, stdout } = await onTerminal(30, '', '', ['dump', missing])
  t.is(code, 2)
  const lines = stripVTControlCharacters(stdout).split(/\r?\n/)
  for (const line of lines) t.true(line.length <= 30, JSON.stringify(line))
  t.regex(lines.join(' '), /is the recorder running that was told to make it\?/)
})

test('serve shows a page to Prometheus until it is interrupted', async t => {
  const { page, child } = await engineWith(t, 300)
  await end(child, 'SIGKILL')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) await servedUntil(t, page, signal)
})

async function servedUntil(t: ExecutionContext, page: string, signal: NodeJS.Signals): Promise<void> {
  const server = start(['serve', page, '--port', '0'])
  const ended = outcome(server)
  t.teardown(() => server.kill('SIGKILL'))
  const [line] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [string | Buffer]
  const [url] = /^http:\S+(?=: Ctrl-C)/.exec(String(line)) ?? []
  const text = await (await fetch(url ?? '')).text()
  t.regex(text, /^wal_recorder_manager_events_total\{.*log="tmp".*\} 300$/m)
  server.kill(signal)
  t.is((await ended).code, 0, signal)
}

test('report is a page of HTML, also of a process that is dead', async t => {
  const { page, child } = await engineWith(t, 300)
  const living = await run(['report', page, '--seconds', '0.2'])
  t.is(living.code, 0, living.stderr)
  t.regex(living.stdout, /^<!doctype html>/)
  t.regex(living.stdout, /live, process/)
  await end(child, 'SIGKILL')
  t.regex((await run(['report', page])).stdout, /is dead, these are its last values/)
})

test('what is no page, and what makes no sense, is told in a line or two', async t => {
  const home = place(t)
  const other = join(home, 'other')
  writeFileSync(other, 'no page of ours')
  for (const [args, said] of [
    [['dump', join(home, 'missing')], /missing/],
    [['dump', other], /other/],
    [['watch', other, '--interval', '0'], /--interval is a number above 0/],
    [['report', other, '--seconds', '-1'], /--seconds is a number of seconds/],
    [['push', other, '--endpoint', 'no url'], /no url/],
    [['frobnicate', other], /frobnicate/],
    [['dump'], /name a page/],
    [[], /say what to do/],
  ] as const) {
    const { code, stdout, stderr } = await run(args)
    t.is(code, 2, `${args}: ${stdout}${stderr}`)
    t.regex(stderr, said)
    t.regex(stderr, /^error: /)
    t.notRegex(stderr, /\n {4}at /, 'no stack')
    t.is(stdout, '')
  }
})

for (const protocol of ['http/protobuf', 'http/json', 'grpc'] as const) {
  test.serial(`push sends every point of a page over ${protocol}`, async t => {
    const { page, child } = await engineWith(t, 300)
    await end(child, 'SIGKILL')
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const endpoint = protocol === 'grpc' ? receiver.grpcUrl : receiver.httpUrl
    const pushed = await run(['push', page, '--endpoint', endpoint, '--protocol', protocol], {
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=a%20test',
      OTEL_SERVICE_NAME: 'orders',
    })
    t.is(pushed.code, 0, pushed.stdout + pushed.stderr)
    t.is(pushed.stdout.split('\n').length, 2, 'once: of a process that is dead there is nothing more to push')
    const received = await receiver.next()
    const metrics = received.resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics),
    )
    const points = metrics.flatMap(({ sum, gauge, exponentialHistogram }) =>
      [sum, gauge, exponentialHistogram].flatMap(data => data?.dataPoints ?? []),
    )
    t.true(pushed.stdout.includes(` ${points.length} points to ${endpoint}`), pushed.stdout)
    const events = metrics.find(({ name }) => name === 'wal.recorder.manager.events')
    const [point] = events?.sum?.dataPoints ?? []
    t.is(Number(point?.asInt ?? point?.asDouble), 300)
    const resource = received.resourceMetrics[0]?.resource.attributes ?? []
    const named = Object.fromEntries(resource.map(({ key, value }) => [key, value.stringValue]))
    t.like(named, { 'service.name': 'orders', 'deployment.environment': 'a test' })
  })
}

test('a collector that is not there is told, and is the exit code', async t => {
  const { page, child } = await engineWith(t, 3)
  await end(child, 'SIGKILL')
  const timeout = { OTEL_EXPORTER_OTLP_TIMEOUT: '300' }
  const { code, stdout } = await run(['push', page, '--endpoint', 'http://127.0.0.1:9', '--once'], timeout)
  t.is(code, 2)
  t.regex(stdout, /not pushed: /)
})

/** A collector that does with what it is sent as it is told; gives its URL. */
async function collector(t: ExecutionContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('an interrupted push waits for no collector that does not answer', async t => {
  const { page } = await engineWith(t, 3)
  // Longer than anybody would wait for this test.
  const patient = { OTEL_EXPORTER_OTLP_TIMEOUT: '100000000' }
  const url = await collector(t, () => pushing.kill('SIGINT'))
  const pushing = start(['push', page, '-e', url], patient)
  const { code, stdout } = await outcome(pushing)
  t.is(code, 2)
  t.regex(stdout, /^not pushed: interrupted before the collector had answered$/m)
})

test('an interrupted push sends what has been counted since the one before', async t => {
  const { page } = await engineWith(t, 3)
  const url = await collector(t, (request, response) => request.resume().on('end', () => response.end()))
  const pushing = start(['push', page, '-e', url, '-i', '1000000'])
  const said: string[] = []
  for await (const line of createInterface({ input: pushing.stdout as NodeJS.ReadableStream })) {
    said.push(line)
    if (said.length === 1) pushing.kill('SIGHUP')
  }
  t.is(pushing.exitCode ?? (await once(pushing, 'exit'))[0], 0)
  t.is(said.filter(line => line.includes(' points to ')).length, 2, said.join('\n'))
})

test('push tells of a page that cannot be read any more, and goes on with the others', async t => {
  const [kept, lost] = await Promise.all([engineWith(t, 3), engineWith(t, 4)])
  await end(lost.child, 'SIGKILL')
  const url = await collector(t, (request, response) => request.resume().on('end', () => response.end()))
  const pushing = start(['push', kept.page, lost.page, '-e', url, '-i', '0.1'])
  const said: string[] = []
  for await (const line of createInterface({ input: pushing.stdout as NodeJS.ReadableStream })) {
    said.push(line.includes(' points to ') ? 'points' : line)
    if (said.length === 1) writeFileSync(lost.page, 'no page')
    // Not before the others were pushed again.
    const isTold = said.at(-2)?.includes(lost.page) === true && said.at(-1) === 'points'
    if (isTold || said.length === 100) kept.child.stdin?.end()
  }
  const told = said.findIndex(line => line !== 'points')
  t.true(told > 0, said.join('\n'))
  t.regex(said[told] ?? '', /^not read: source 1: the metrics page .* is damaged/)
  t.is(said[told + 1], 'points')
  t.is(pushing.exitCode ?? (await once(pushing, 'exit'))[0], 2)
})

test('all pages that are named are shown, and of an option that is given twice the last one counts', async t => {
  const engines = await Promise.all([engineWith(t, 3), engineWith(t, 4)])
  for (const { child } of engines) await end(child, 'SIGKILL')
  const pages = engines.map(({ page }) => page)
  const { stdout } = await run(['dump', ...pages, '--json', '--json'])
  const { sources } = JSON.parse(stdout) as { sources: (SourceSnapshot & { page: string })[] }
  t.deepEqual(
    sources.map(({ page }) => page),
    pages,
  )
  t.deepEqual(sources.map(eventsIn), [3, 4])
  for (const times of [1, 2]) {
    const { stdout } = await run(['watch', ...pages, '--times', '9', '-n', String(times), '-i', '0.1'])
    t.is(stdout.match(/ is dead/g)?.length, 2 * times, stdout)
  }
})

test('what the environment says of the service and cannot be read is told', async t => {
  const { code, stdout, stderr } = await run(['push', 'page', '--once'], {
    OTEL_RESOURCE_ATTRIBUTES: 'team=a%b,zone=50%',
  })
  t.is(code, 2)
  t.is(stdout, '')
  t.regex(stderr, /^error: OTEL_RESOURCE_ATTRIBUTES has a%b, where a % is none of an escape/)
})

test('output that there is no room for is told', async t => {
  const { page, child } = await engineWith(t, 3)
  await end(child, 'SIGKILL')
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const dumped = spawn(process.execPath, [program, 'dump', page], { stdio: ['ignore', full, 'pipe'] })
  const { code, stderr } = await outcome(dumped)
  t.is(code, 2)
  t.regex(stderr, /^error: ENOSPC: .*\n\(ENOSPC\)\n$/)
})

test('wrong usage is told in the words that were typed, and where that command is explained', async t => {
  for (const [args, said, command] of [
    [[], 'say what to do: dump, watch, serve, push or report', ''],
    [['frob'], 'there is no command frob: say dump, watch, serve, push or report', ''],
    [['wach', 'page'], 'there is no command wach: did you mean watch?', ''],
    [['dump'], 'name a page, or several', 'dump'],
    [['dump', 'page', '--jsn'], 'dump has no option --jsn', 'dump'],
    [
      ['push', 'page', '--protocol', 'smtp'],
      '--protocol is smtp: it is one of http/protobuf, http/json, grpc',
      'push',
    ],
    [['watch', 'page', '--times'], '--times needs a value behind it', 'watch'],
    [['watch', 'page', '-i', '3e6'], '--interval is at most 2147483 seconds', 'watch'],
    [['push', 'page', '-i', 'Infinity'], '--interval is at most 2147483 seconds', 'push'],
    [['report', 'page', '-s', '1e12'], '--seconds is a number of seconds, 0 to 2147483', 'report'],
    [['push', 'page', '-e'], '-e needs a value behind it', 'push'],
    [
      ['push', 'page', '-e', 'localhost:4318'],
      '--endpoint localhost:4318 is no URL of http: it is one such as http://localhost:4318',
      'push',
    ],
    [['serve', 'page', '--port', ''], '--port is a whole number from 0 to 65535', 'serve'],
    [['report', 'page', '--seconds='], '--seconds is a number of seconds, 0 to 2147483', 'report'],
    [['serve', 'page', '--port', '70000'], '--port is a whole number from 0 to 65535', 'serve'],
    [['serve', 'page', '--port', 'http'], '--port is a whole number from 0 to 65535', 'serve'],
  ] as const) {
    const { code, stdout, stderr } = await run([...args])
    t.is(code, 2, said)
    t.is(stdout, '', said)
    const help =
      command === ''
        ? 'flashstrike-telemetry --help shows the commands'
        : `flashstrike-telemetry ${command} --help shows its options, with examples`
    t.is(stderr, `error: ${said}\n${help}\n`)
  }
})
