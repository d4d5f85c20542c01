/** The command line, on pages of processes that live, have ended, or were killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Recorder } from '@flashstrike/wal-recorder'
import test, { type ExecutionContext } from 'ava'
import { safe } from '#src/cli/text.js'
import type { SourceSnapshot } from '#src/index.js'
import { end, engineWith, outcome, program, run, start } from './command-line.js'
import { ANYWHERE, temporaryDirectory } from './support.js'

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

test('nothing that a page says reaches a terminal as a command, or looks like a line of its own', async t => {
  const home = temporaryDirectory(t)
  const page = join(home, 'page')
  const labels = { log: 'a\u001b[2J\nb: live, process 1\u202e' }
  const wal = await Recorder.open({
    dir: join(home, 'log'),
    telemetry: { file: page, labels, allowFileSystem: ANYWHERE },
  })
  const { stdout } = await run(['dump', page])
  await wal.close()
  t.true(
    stdout.startsWith(String.raw`a\u001b[2J\u000ab: live, process 1\u202e · recorder: live, process `),
    stdout,
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what commands a terminal
  t.notRegex(stdout, /[\u0000-\u0009\u000b-\u001f\u202e]/)
})

test('halves of characters are written as escapes, and whole ones as they are', t => {
  t.is(safe('\u{1f600}'), '\u{1f600}')
  t.is(safe('a\ud83d \ude00\ud83d'), String.raw`a\ud83d \ude00\ud83d`)
})

test('its version is that of the package', async t => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  t.is((await run(['--version'])).stdout, `${version}\n`)
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
  const home = temporaryDirectory(t)
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

test('what stands behind -- is a page, whatever it is called', async t => {
  const { page, child } = await engineWith(t, 3)
  await end(child, 'SIGKILL')
  const odd = join(dirname(page), '--json')
  renameSync(page, odd)
  const { stdout, stderr } = await outcome(
    spawn(process.execPath, [program, 'dump', '--json', '--', '--json', odd], { cwd: dirname(page) }),
  )
  const { sources } = JSON.parse(stdout || stderr) as { sources: SourceSnapshot[] }
  t.deepEqual(sources.map(eventsIn), [3, 3])
})

test('a page that is - alone is one that is not there', async t => {
  const { code, stderr } = await run(['dump', '-'])
  t.is(code, 2)
  t.regex(stderr, /there is no metrics page .*-; is the recorder running/s)
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
    [['watch', 'page', '--times', '1.5'], '--times is a whole number above 0', 'watch'],
    [['watch', 'page', '--times', '0'], '--times is a whole number above 0', 'watch'],
    [['watch', 'page', '--times', ''], '--times is a whole number above 0', 'watch'],
    [['watch', 'page', '-i', '3e6'], '--interval is at most 2147483 seconds', 'watch'],
    [['push', 'page', '-i', 'Infinity'], '--interval is at most 2147483 seconds', 'push'],
    [['report', 'page', '-s', '1e12'], '--seconds is a number of seconds, 0 to 2147483', 'report'],
    [['push', 'page', '-e'], '-e needs a value behind it', 'push'],
    [['push', 'page', '-e='], '-e needs a value behind it', 'push'],
    [['watch', 'page', '-i='], '-i needs a value behind it', 'watch'],
    [['watch', 'page', '-x='], 'watch has no option -x', 'watch'],
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
