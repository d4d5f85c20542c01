import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { directory, start } from '@flashstrike/example-testing'
import { Recorder } from '@flashstrike/wal-recorder'
import test from 'ava'
import { Fill } from '../fill.mjs'

const LIMIT = 1_000_000
const MAIN = new URL('../main.mjs', import.meta.url)

/** The same fills each time, after which every account is exposed beyond the limit once. */
function fillOf(id) {
  return { account: id % 7, price: 900 + (id % 200), quantity: 1 + (id % 5), isBuy: id % 3 === 0 ? 0 : 1 }
}

/** What somebody has counted and warned of who was never killed. */
function undisturbed(count) {
  const exposure = new Map()
  const warnings = new Map()
  for (let id = 1; id <= count; id += 1) {
    const { account, price, quantity, isBuy } = fillOf(id)
    const before = exposure.get(account) ?? 0
    const now = before + (isBuy === 1 ? 1 : -1) * price * quantity
    exposure.set(account, now)
    if (Math.abs(now) > LIMIT && Math.abs(before) <= LIMIT)
      warnings.set(id, { warning: account, exposure: now })
  }
  return { exposure, warnings }
}

test('a risk process that is killed again and again counts every fill once and misses no warning', async t => {
  const home = directory(t)
  const [dir, stateFile] = [`${home}/fills`, `${home}/risk.json`]
  const wal = await Recorder.open({ dir, event: Fill, syncIntervalMs: 1 })
  t.teardown(() => wal.close())
  const warned = new Map()
  let saved = 0
  const begin = async () => {
    const risk = start(t, MAIN, [dir, stateFile], { SAVE_EVERY: '500' })
    const { from } = JSON.parse((await risk.lines.next()).value)
    t.true(from > saved, `${saved} was saved, and it goes on with ${from}`)
    const hear = line => {
      const { fill, saved: now, ...warning } = JSON.parse(line)
      if (now !== undefined) saved = now
      else {
        t.true(fill >= from, 'nothing from before where it began')
        t.deepEqual(warned.get(fill) ?? warning, warning, 'a warning that comes again is the same one')
        warned.set(fill, warning)
      }
    }
    const hearUntilSaved = async id => {
      for await (const line of risk.lines) {
        hear(line)
        if (saved >= id) return
      }
    }
    return { risk, hear, hearUntilSaved }
  }

  const record = (from, to) => {
    for (let id = from; id <= to; id += 1) wal.append(fillOf(id))
  }
  const all = 10_000
  for (let id = 0; id < all; id += 2000) {
    const { risk, hear, hearUntilSaved } = await begin()
    record(id + 1, id + 1200)
    await hearUntilSaved(id + 500)
    record(id + 1201, id + 2000)
    for (const line of await risk.kill()) hear(line)
  }
  const { risk, hearUntilSaved } = await begin()
  await hearUntilSaved(all)
  risk.child.kill('SIGTERM')
  t.is(await risk.ended(), 0)

  const expected = undisturbed(all)
  const { eventId, exposure } = JSON.parse(readFileSync(stateFile, 'utf8'))
  t.is(eventId, all)
  t.deepEqual(new Map(exposure), expected.exposure)
  t.true(expected.warnings.size > 0)
  t.deepEqual(new Map([...warned].sort(([a], [b]) => a - b)), expected.warnings)
})

/** Where a log and a state are for one test. */
function places(t) {
  const home = directory(t)
  return { dir: `${home}/fills`, stateFile: `${home}/risk.json` }
}

/** Runs it until it has saved everything up to an event; gives what it said first. */
async function runUntilSaved(t, { dir, stateFile }, id) {
  const risk = start(t, MAIN, [dir, stateFile], { SAVE_EVERY: '100' })
  const first = JSON.parse((await risk.lines.next()).value)
  let done = first.from - 1
  while (done < id) done = JSON.parse((await risk.lines.next()).value).saved ?? done
  risk.child.kill('SIGTERM')
  t.is(await risk.ended(), 0)
  return first
}

/** Runs it where it ends before it begins: it says why in a line or two, and shows no stack. */
async function refusal(t, { dir, stateFile }) {
  const child = spawn(process.execPath, [fileURLToPath(MAIN), dir, stateFile])
  t.teardown(() => child.kill('SIGKILL'))
  // One that begins would go on for ever.
  child.stdout.once('data', () => child.kill('SIGKILL'))
  const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  t.is(code, 1, 'it has begun, or ended otherwise')
  t.true(stderr.trimEnd().split('\n').length <= 2, stderr)
  t.notRegex(stderr, /^ +at /m)
  return stderr
}

test('a state that was lost is counted again from the first fill, not from where the cursor stands', async t => {
  const place = places(t)
  const wal = await Recorder.open({ dir: place.dir, event: Fill })
  for (let id = 1; id <= 1000; id += 1) wal.append(fillOf(id))
  await wal.close()
  await runUntilSaved(t, place, 1000)
  rmSync(place.stateFile)

  t.deepEqual(await runUntilSaved(t, place, 1000), { from: 1 })
  const { exposure } = JSON.parse(readFileSync(place.stateFile, 'utf8'))
  t.deepEqual(new Map(exposure), undisturbed(1000).exposure)
})

test('a state that was lost is refused where the log has no fills any more to count again', async t => {
  const place = places(t)
  const wal = await Recorder.open({ dir: place.dir, event: Fill, segmentBytes: 16_384 })
  t.teardown(() => wal.close())
  await wal.appendAll(Array.from({ length: 1000 }, (_, index) => fillOf(index + 1)))
  await wal.durable()
  await runUntilSaved(t, place, 1000)
  wal.truncateBefore(1000)
  while (existsSync(`${place.dir}/00000000.wal`)) await pause(10)
  t.deepEqual(await runUntilSaved(t, place, 1000), { from: 1001 }, 'with its state it goes on')
  rmSync(place.stateFile)

  t.regex(await refusal(t, place), /risk\.json is missing or too old/)
  t.false(existsSync(place.stateFile))
})

test('a state of another log, that knows of fills which this one has not, is refused', async t => {
  const place = places(t)
  const wal = await Recorder.open({ dir: place.dir, event: Fill })
  for (let id = 1; id <= 100; id += 1) wal.append(fillOf(id))
  await wal.close()
  await runUntilSaved(t, place, 100)
  writeFileSync(place.stateFile, JSON.stringify({ eventId: 1000, exposure: [] }))

  t.regex(await refusal(t, place), /no event 1000/)
})

test('a log of other events is refused before anything is counted', async t => {
  const place = places(t)
  const wal = await Recorder.open({ dir: place.dir })
  wal.append('a fill')
  await wal.close()

  t.regex(await refusal(t, place), /bytes of any length/)
  t.false(existsSync(place.stateFile))
})

test('without a log it says how to get one', async t => {
  const place = places(t)
  t.true((await refusal(t, place)).includes(`node fills.mjs ${place.dir}`))
})

test('the fills that the program beside it records are what it follows', async t => {
  const place = places(t)
  const fills = start(t, new URL('../fills.mjs', import.meta.url), [place.dir])
  await fills.lines.next()
  t.deepEqual(await runUntilSaved(t, place, 100), { from: 1 })
  fills.child.kill('SIGINT')
  t.is(await fills.ended(), 0)
})
