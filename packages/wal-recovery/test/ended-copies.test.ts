/** Copies that somebody wants to end: those that were begun before do, whether they have got a thread yet or not. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { copyLog, endCopies, verifyLog } from '#src/cli/tools.js'
import { goldenLog, temporaryDirectory } from './command-line.js'

/** More than have threads at a time, so that the last ones have not read anything when they are ended. */
const COPIES = 40

test('copies that are ended say so, and later ones are made', async t => {
  const log = goldenLog(t, 'cold')
  if (log === undefined) {
    t.pass()
    return
  }
  const place = temporaryDirectory(t)
  const options = { fileMode: 0o600, hold: false }
  const copyTo = (name: string) => {
    mkdirSync(join(place, name))
    return copyLog(log, join(place, name), options, () => {})
  }
  const copies = Array.from({ length: COPIES }, (_, at) => copyTo(String(at)))
  await endCopies()
  const outcomes = await Promise.allSettled(copies)
  const last = outcomes.at(-1)
  t.is(last?.status === 'rejected' && last.reason.code, 'WAL_CLOSED')
  t.regex(last?.status === 'rejected' ? last.reason.message : '', /ended before it was finished/)
  await copyTo('later')
  t.is((await verifyLog(join(place, 'later'), () => {})).state, 'clean')
})
