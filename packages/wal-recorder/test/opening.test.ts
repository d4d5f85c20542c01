import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import { Order, scratch } from './programs.js'
import { recorded } from './recorded.js'

const { directory, remove } = scratch()
test.after.always(remove)

const RECOVERY = import.meta.resolve('@flashstrike/wal-recovery')

/** Keeps every thread of Node's pool waiting until it is released. */
function busyPool(): { release(): Promise<void> } {
  const fifos = mkdtempSync(join(tmpdir(), 'wal-recorder-fifo-'))
  const fifo = join(fifos, 'fifo')
  execFileSync('mkfifo', [fifo])
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4)
  const waiting = Array.from({ length: threads }, () => open(fifo, 'r'))
  return {
    async release() {
      const writing = openSync(fifo, constants.O_RDWR)
      for (const opened of waiting) await (await opened).close()
      closeSync(writing)
      rmSync(fifos, { recursive: true })
    },
  }
}

/** A closed log. */
async function closedLog(): Promise<string> {
  const { dir, wal, log } = await recorded(directory(), 100)
  await log.close()
  await wal.close()
  return dir
}

for (const mode of ['tail', 'strict', 'point-in-time', 'diagnostic'] as const) {
  test.serial(`the event loop turns while a log is opened in mode ${mode}`, async t => {
    const dir = await closedLog()
    const pool = busyPool()
    let settled = false
    const opening = Recovery.open({ dir, event: Order, mode }).finally(() => {
      settled = true
    })
    const refused = Recovery.open({ dir: directory(), mode })
    const refusal = t.throwsAsync(refused, { code: 'WAL_NOT_FOUND' })
    for (let turn = 0; turn < 10; turn++) await nextTurn()
    const wasSettled = settled
    await pool.release()
    await using log = await opening
    t.false(wasSettled, 'it was opened on the thread of the event loop')
    t.is(log.lastEventId, 100)
    t.is(log.report.mode, mode)
    await refusal
  })
}

const program = (dir: string) => `
  import { Recovery } from ${JSON.stringify(RECOVERY)}
  import { parentPort } from 'node:worker_threads'
  const options = { dir: ${JSON.stringify(dir)}, mode: 'diagnostic' }
  await (await Recovery.open(options)).close()
  parentPort.postMessage('ready')
  for (;;) {
    const [log] = await Promise.all([1, 2, 3].map(() => Recovery.open(options)))
    parentPort.postMessage(log.lastEventId)
  }`

function startWorker(dir: string): Worker {
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(program(dir))}`))
}

test.serial('a worker that is terminated while it opens a log takes nothing with it', async t => {
  const dir = await closedLog()
  for (let round = 0; round < 10; round++) {
    const worker = startWorker(dir)
    for (let message = 0; message < 1 + round; message++) await once(worker, 'message')
    await worker.terminate()
  }
  await using log = await Recovery.open({ dir, event: Order })
  t.is(log.lastEventId, 100)
})

test.serial('a worker is terminated while the opening of its log waits for a thread', async t => {
  const dir = await closedLog()
  const worker = startWorker(dir)
  await once(worker, 'message')
  const pool = busyPool()
  const ended = worker.terminate()
  for (let turn = 0; turn < 10; turn++) await nextTurn()
  await pool.release()
  t.is(await ended, 1)
  await using log = await Recovery.open({ dir, event: Order })
  t.is(log.lastEventId, 100)
})
