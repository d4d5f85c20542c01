import test from 'ava'
import { ended, PATIENCE_MS, scratch, start } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

/** Counts what a recorder may leave behind, and says whether a collection has freed it. */
const COUNT = `
  import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
  const lines = path => readFileSync(path, 'utf8').split('\\n')
  const tryTo = read => { try { return read() } catch { return '' } }
  const held = () => ({
    descriptors: readdirSync('/proc/self/fd').length,
    files: readdirSync('/proc/self/fd').filter(fd => tryTo(() => readlinkSync('/proc/self/fd/' + fd)).startsWith(dir)),
    threads: readdirSync('/proc/self/task').length,
    workers: readdirSync('/proc/self/task')
      .map(id => tryTo(() => readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim()))
      .filter(name => name.startsWith('wal-')),
    mappings: lines('/proc/self/maps').filter(line => line.includes(dir)),
  })
  async function collected(isEnough) {
    for (const end = Date.now() + ${PATIENCE_MS}; Date.now() < end; ) {
      gc()
      await new Promise(resolve => setTimeout(resolve, 1))
      if (isEnough()) return true
    }
    return false
  }
  const isNothing = held => held.files.length + held.workers.length + held.mappings.length === 0
  `

const LEAKS = `${COUNT}
  async function round(i) {
    const wal = await Recorder.open({ dir: dir + i, event: Order, segmentBytes: 1 << 16 })
    await wal.durable(await wal.appendAll(Array(500).fill(order)))
    await wal.close()
  }
  for (let i = 0; i < 20; i++) await round(i)
  await collected(() => isNothing(held()))
  const before = { ...held(), rss: process.memoryUsage.rss() }
  for (let i = 0; i < 100; i++) await round(i % 20)
  await collected(() => isNothing(held()) && held().threads === before.threads)
  const after = { ...held(), rss: process.memoryUsage.rss() }
  process.stdout.write(JSON.stringify({ before, after }))`

test('a hundred recorders that were opened and closed leave no descriptor, thread, mapping or memory', async t => {
  const { output, errors, code } = await ended(start(directory(), LEAKS, ['--expose-gc']))
  t.is(code, 0, errors)
  const { before, after } = JSON.parse(output)
  for (const held of [before, after]) t.like(held, { files: [], workers: [], mappings: [] })
  t.is(after.descriptors, before.descriptors)
  t.is(after.threads, before.threads)
  // The heap of JavaScript takes what it likes: less than 320 kB for each recorder is all that can be said.
  t.true(after.rss < before.rss + 32e6, `${before.rss} bytes before, ${after.rss} after`)
})

test('a closed recorder gives back at once all but the staging memory, which its collection unmaps', async t => {
  const closed = `${COUNT}
    async function opened(name) {
      const wal = await Recorder.open({ dir: name, event: Order, segmentBytes: 1 << 16 })
      await wal.durable(wal.append(order))
      return wal
    }
    // The first one loads the addon and starts threads of Node.js.
    await (await opened(dir + '-before')).close()
    await collected(() => isNothing(held()))
    const before = held()
    let wal = await opened(dir)
    const open = held()
    await wal.close()
    const after = held()
    wal = undefined
    const isFreed = await collected(() => isNothing(held()) && held().threads === before.threads)
    process.stdout.write(JSON.stringify({ before, open, after, isFreed }))`
  const { output, errors } = await ended(start(directory(), closed, ['--expose-gc']))
  t.not(output, '', errors)
  const { before, open, after, isFreed } = JSON.parse(output)
  t.true(open.threads > before.threads)
  t.true(open.files.length > 0)
  t.like(after, { files: [], descriptors: before.descriptors })
  t.is(after.mappings.length, 1)
  t.regex(after.mappings[0], /wal\.staging$/)
  t.true(isFreed)
})

test('a forgotten recorder is closed when it is collected: nothing is lost, and all it held is given back', async t => {
  const forgotten = `${COUNT}
    async function forget(name) {
      const wal = await Recorder.open({ dir: name, event: Order, segmentBytes: 1 << 20 })
      wal.on('rotated', () => wal.flush())
      for (let i = 0; i < 300; i++) wal.append(order)
      await wal.durable()
      wal.append(order)
    }
    await forget(dir + '-before')
    await collected(() => isNothing(held()))
    const before = held()
    await forget(dir)
    const isFreed = await collected(() => isNothing(held()) && held().threads === before.threads)
    const after = held()
    const again = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
    process.stdout.write(JSON.stringify({ before, after, isFreed, last: again.lastEventId, state: again.report.state }))`
  const { output, errors } = await ended(start(directory(), forgotten, ['--expose-gc']))
  t.not(output, '', errors)
  const { before, after, ...rest } = JSON.parse(output)
  t.deepEqual(rest, { isFreed: true, last: 301, state: 'clean' })
  t.is(after.descriptors, before.descriptors)
})

test('a recorder that nobody holds but who waits for it stays until they are answered', async t => {
  const waited = `${COUNT}
    async function append() {
      const wal = await Recorder.open({ dir, event: Order, segmentBytes: 1 << 20 })
      return wal.durable(wal.append(order)).then(() => 'durable')
    }
    async function rounds() {
      for (let i = 0; i < 20; i++) {
        if ((await append()) !== 'durable' || !(await collected(() => isNothing(held())))) return 'no'
      }
      return 'all'
    }
    const limit = new Promise(resolve => setTimeout(resolve, ${PATIENCE_MS}, 'nothing'))
    setInterval(gc, 0)
    process.stdout.write(await Promise.race([rounds(), limit]))
    process.exit()`
  const { output, errors } = await ended(start(directory(), waited, ['--expose-gc']))
  t.is(output, 'all', errors)
})
