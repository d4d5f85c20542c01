import { readFileSync } from 'node:fs'
import { directory, start } from '@flashstrike/example-testing'
import { defineEvent, i64, Recorder, u8, u32 } from '@flashstrike/wal-recorder'
import test from 'ava'

const LIMIT = 1_000_000
const Fill = defineEvent('Fill', { account: u32, price: i64, quantity: u32, isBuy: u8 })

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
    const risk = start(t, new URL('../main.mjs', import.meta.url), [dir, stateFile], { SAVE_EVERY: '500' })
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
