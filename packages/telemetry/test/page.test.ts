import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { Recorder } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import test, { type ExecutionContext } from 'ava'
import { MetricsError, type SourceSnapshot, TelemetryPage, walMetrics } from '#src/index.js'
import { ANYWHERE, goldenBytes, sourceOf, temporaryDirectory } from './support.js'

const memory = existsSync('/dev/shm') ? '/dev/shm' : undefined

/** A path that there is nothing at; in memory where there is some to put files in. */
function path(t: ExecutionContext): string {
  return join(temporaryDirectory(t, memory), 'orders')
}

/** A process that records, tells what it holds, and then waits to be killed. */
const program = `
  const [recorder, telemetry, dir, file, allow] = process.argv.slice(1)
  const { Recorder } = await import(recorder)
  const { walMetrics } = await import(telemetry)
  const options = { file, labels: { zone: 'a' }, allowFileSystem: JSON.parse(allow) }
  const wal = await Recorder.open({ dir, telemetry: options })
  for (let event = 1; event <= 5000; event += 1) wal.append('event ' + event)
  await wal.durable()
  console.log(JSON.stringify(walMetrics(wal).snapshot()))
  setInterval(() => {}, 1000)
`

async function recording(dir: string, file: string): Promise<{ child: ChildProcess; said: SourceSnapshot }> {
  const [recorder, telemetry] = ['../../../wal-recorder/dist/index.js', '../../dist/index.js'].map(
    name => new URL(name, import.meta.url).href,
  )
  const options = ['--input-type=module', '-e', program, '--']
  const given = [recorder ?? '', telemetry ?? '', dir, file, JSON.stringify(ANYWHERE)]
  const child = spawn(process.execPath, [...options, ...given], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const [said] = (JSON.parse(line) as { sources: SourceSnapshot[] }).sources
  if (said === undefined) throw new Error('it told of nothing')
  return { child, said }
}

function only(page: TelemetryPage): SourceSnapshot {
  const { sources, errors } = walMetrics(page).snapshot()
  const [source] = sources
  if (source === undefined) throw errors[0]
  return source
}

/** What nobody moves any more who appends nothing. */
function atRest({ metrics }: SourceSnapshot) {
  const parts = ['segment_writer', 'committer']
  const ids = /\.(last|written|durable)_event_id$|manager\.(events|bytes|append_event)$/
  return metrics.filter(
    ({ name, attributes }) => parts.includes(attributes['subsystem'] ?? '') || ids.test(name),
  )
}

test('a page tells of another process while it runs, when it is killed, and when it is started again', async t => {
  const [dir, file] = [path(t), path(t)]
  let page: TelemetryPage | undefined
  for (const generation of [1, 2]) {
    const { child, said } = await recording(dir, file)
    try {
      page ??= TelemetryPage.attach(file)
      t.is(page.state, 'live')
      t.is(page.pid, child.pid ?? 0)
      t.is(page.generation, generation)
      t.is(page.file, file)
      const [seconds, nanoseconds] = said.startTime
      t.true(Math.abs(page.startedAt.getTime() - (seconds * 1e3 + nanoseconds / 1e6)) < 1)
      t.deepEqual(atRest(only(page)), atRest(said))
      t.deepEqual(only(page).labels, { log: 'orders', zone: 'a' })
    } finally {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    t.is(page.state, 'dead')
    t.is(page.pid, said.processId)
    t.deepEqual(atRest(only(page)), atRest(said))
    t.regex(walMetrics(page).dump(), /^\[Segment Writer Metrics, log=orders, zone=a\] Snapshot:/m)
    t.true(walMetrics(page).prometheus().includes('zone="a"'))
    t.deepEqual((await walMetrics(page).collect()).errors, [])
    // Whoever attaches only now finds the same.
    using late = TelemetryPage.attach(file)
    t.is(late.state, 'dead')
    t.deepEqual(atRest(only(late)), atRest(said))
  }
  page?.close()
})

test('a recorder and a recovery of this process have pages until they are closed', async t => {
  const [dir, file] = [path(t), path(t)]
  const telemetry = { file, allowFileSystem: ANYWHERE }
  for (const generation of [1, 2]) {
    const wal = await Recorder.open({ dir, telemetry, fileMode: 0o640 })
    const page = TelemetryPage.attach(file)
    t.is(statSync(file).mode & 0o777, 0o640)
    t.is(page.state, 'live')
    t.is(page.generation, generation)
    await t.throwsAsync(() => Recorder.open({ dir: path(t), telemetry }), { code: 'WAL_LOCKED' })
    wal.append('event')
    await wal.close()
    t.is(page.state, 'closed')
    page.close()
  }
  const read = path(t)
  for (const generation of [1, 2]) {
    const log = await Recovery.open({ dir, telemetry: { ...telemetry, file: read, labels: { log: 'mine' } } })
    const page = TelemetryPage.attach(read)
    t.is([...log.replay()].length, 2)
    t.is(page.state, 'live')
    t.is(page.generation, generation)
    t.deepEqual(only(page).labels, { log: 'mine' })
    await log.close()
    t.is(page.state, 'closed')
    t.is(only(page).metrics.find(({ name }) => name === 'wal.recovery.manager.events')?.value, 2)
    page.close()
  }
})

test('labels need no page', async t => {
  const wal = await Recorder.open({ dir: path(t), telemetry: { labels: { log: 'orders', zone: 'b' } } })
  t.deepEqual(walMetrics(wal).snapshot().sources[0]?.labels, { log: 'orders', zone: 'b' })
  await wal.close()
})

test('what cannot be an option is refused with what it takes', async t => {
  const wrong: [unknown, RegExp][] = [
    ['/dev/shm/x', /telemetry is "\/dev\/shm\/x": it takes an object with file, labels/],
    [new URL('file:///dev/shm/x'), /telemetry is a URL: it takes an object with file, labels/],
    [{ path: 'x' }, /telemetry has no option path/],
    [{ file: '' }, /telemetry: file is "": it takes the path of a file/],
    [{ labels: new URL('file:///a') }, /telemetry: labels is a URL: it takes an object of texts/],
    [{ labels: { a: 1 } }, /telemetry: labels is an object: it takes an object of texts/],
    [{ fileMode: 0o1777 }, /telemetry: fileMode is 1023: it takes permission bits/],
    [{ allowFileSystem: 'ext4' }, /telemetry: allowFileSystem is "ext4"/],
    [{ labels: { 'a b': 'x' } }, /a label of metrics is called "a b"/],
    [{ labels: { system: 'x' } }, /a label of metrics is called system/],
  ]
  for (const [telemetry, message] of wrong) {
    const options = { dir: path(t), telemetry: telemetry as object }
    const refused = { code: 'WAL_UNSUPPORTED', message }
    await t.throwsAsync(() => Recorder.open(options), refused)
    await t.throwsAsync(() => Recovery.open(options), refused)
    t.false(existsSync(options.dir))
  }
})

test('what is no page is told by a code', t => {
  const [missing, text, link, damaged] = [path(t), path(t), path(t), path(t)]
  writeFileSync(text, 'a letter')
  symlinkSync(text, link)
  writeFileSync(
    damaged,
    Buffer.concat([Buffer.from('FSTMPAGE'), Buffer.from([1, 0, 0, 0]), Buffer.alloc(500, 1)]),
  )
  for (const [file, code] of [
    [missing, 'WAL_NOT_FOUND'],
    [text, 'WAL_METRICS'],
    [link, 'WAL_METRICS'],
    [dirname(text), 'WAL_METRICS'],
    [damaged, 'WAL_METRICS'],
    ['', 'WAL_UNSUPPORTED'],
    [7 as unknown as string, 'WAL_UNSUPPORTED'],
    ['a\0b', 'WAL_UNSUPPORTED'],
  ] as const) {
    const error = t.throws(() => TelemetryPage.attach(file), { instanceOf: MetricsError, code })
    t.is(error?.source, undefined)
    t.true((error?.message.length ?? 0) > 20, error?.message)
  }
  const url = new URL('file:///dev/shm/orders') as unknown as string
  t.throws(() => TelemetryPage.attach(url), {
    instanceOf: MetricsError,
    code: 'WAL_UNSUPPORTED',
    message: 'TelemetryPage.attach got file:///dev/shm/orders: it takes the path of a page as text',
  })
})

test('a page that is damaged later, or closed here, is the error of its source and fails no other', async t => {
  const file = path(t)
  const wal = await Recorder.open({ dir: path(t), telemetry: { file, allowFileSystem: ANYWHERE } })
  const page = TelemetryPage.attach(file)
  const metrics = walMetrics(page, sourceOf(goldenBytes))
  t.is(metrics.snapshot().sources.length, 2)
  await wal.close()
  rmSync(file)
  t.is(metrics.snapshot().sources.length, 2, 'what was opened is kept')
  writeFileSync(file, 'a letter')
  const damaged = metrics.snapshot()
  t.is(damaged.sources.length, 1)
  t.like(damaged.errors[0], { code: 'WAL_METRICS', source: 0 })
  page.close()
  page.close()
  t.like(metrics.snapshot().errors[0], { code: 'WAL_CLOSED', source: 0 })
  t.throws(() => page.state, { instanceOf: MetricsError, code: 'WAL_CLOSED' })
})
