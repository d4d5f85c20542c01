/** Copies that somebody wants to end: those that were begun before do, also those that have no thread yet. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { copyLog, endCopies, verifyLog } from '#src/cli/tools.js'
import { goldenLog, temporaryDirectory, testOfVectors } from './command-line.js'

const COPIES = 8
const THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4)

/** Keeps every thread that works for Node waiting, until what this gives is called. */
function busyThreads(place: string): () => Promise<void> {
  const pipes = Array.from({ length: THREADS }, (_, at) => join(place, `pipe-${at}`))
  spawnSync('mkfifo', pipes)
  // Opening one for reading waits for somebody who writes.
  const readers = pipes.map(pipe => open(pipe, 'r'))
  return async () => {
    const writers = pipes.map(pipe => openSync(pipe, 'w'))
    for (const reader of await Promise.all(readers)) await reader.close()
    for (const writer of writers) closeSync(writer)
  }
}

const testOnUnix = process.platform === 'win32' ? test.skip : testOfVectors
testOnUnix('copies that are ended say so, and later ones are made', async t => {
  const log = goldenLog(t, 'cold')
  const place = temporaryDirectory(t)
  const options = { fileMode: 0o600, hold: false }
  const copyTo = (name: string) => {
    mkdirSync(join(place, name))
    return copyLog(log, join(place, name), options, () => {})
  }
  const release = busyThreads(place)
  const copies = Array.from({ length: COPIES }, (_, at) => copyTo(String(at)))
  await endCopies()
  await release()
  for (const outcome of await Promise.allSettled(copies)) {
    if (outcome.status === 'fulfilled') t.fail('a copy was made')
    else t.like(outcome.reason, { code: 'WAL_CLOSED' })
    if (outcome.status === 'rejected') t.regex(outcome.reason.message, /ended before it was finished/)
  }
  await copyTo('later')
  t.is((await verifyLog(join(place, 'later'), () => {})).state, 'clean')
})
