/** Logs that are written and read in the same test. */
import { Recovery, type WalError } from '@flashstrike/wal-recovery'
import type { ExecutionContext } from 'ava'
import { Recorder } from '#src/index.js'
import { Order, order, roomy } from './programs.js'

/** A log whose recorder is open, with so many durable events, and a reader. */
export async function recorded(dir: string, events: number) {
  const wal = await Recorder.open({ ...roomy, dir })
  for (let i = 0; i < events; i++) wal.append(order)
  await wal.durable()
  return { dir, wal, log: await Recovery.open({ dir, event: Order }) }
}

/** Expects that what was begun fails with this code. */
export async function refused(
  t: ExecutionContext,
  attempt: Promise<unknown>,
  code: string,
): Promise<WalError> {
  const error = (await t.throwsAsync(attempt)) as unknown as WalError
  t.is(error.code, code as WalError['code'], error.message)
  return error
}
