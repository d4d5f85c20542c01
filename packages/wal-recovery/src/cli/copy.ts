/** `copy`: a consistent copy of a log, also of one that is being appended to. */
import { mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { WalError } from '../errors.js'
import type { VerifySummary } from '../report.js'
import { EXIT_CLEAN, EXIT_INTERRUPTED, UsageError } from './failure.js'
import { handleInterrupt } from './interrupt.js'
import { note, print } from './output.js'
import { fileModeIn, isOwner } from './owner.js'
import { Progress } from './progress.js'
import { paragraph } from './state-line.js'
import { json, safe } from './text.js'
import { type Copied, copyLog, endCopies, inspectLog, verifyLog } from './tools.js'
import { bytes, counted } from './units.js'

/** What `copy` takes. */
interface CopyOptions {
  readonly dir: string
  readonly to: string
  readonly json: boolean
}

/** Copies a log and verifies the copy; gives the exit code. */
export async function copy({ dir, to, json: asJson }: CopyOptions): Promise<number> {
  if (to === '') throw new UsageError('copy needs a directory to copy to, and its path is empty')
  const { writerAlive } = await inspectLog(dir)
  const target = resolve(to)
  await checkFree(target)
  await checkOutside(dir, target)
  // Until it is whole it has another name, so that nobody takes it for a log.
  const making = join(dirname(target), `.${basename(target)}.copying-${process.pid}`)
  const owns = await isOwner(dir)
  if (writerAlive && !owns) {
    note(
      'This log belongs to another user, so retention cannot be held back: copy again if it removes a segment.',
    )
  }
  await mkdir(making, { mode: (await stat(dir)).mode & 0o777 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      throw new UsageError(
        `${dirname(target)} is not there, where the copy is to be made: make that directory first`,
      )
    }
    throw new WalError(
      'WAL_IO',
      `cannot make a directory in ${dirname(target)}, where the copy is to be made: ${error.message}`,
      { path: dirname(target) },
    )
  })
  let wasInterrupted = false
  const done = handleInterrupt(() => {
    wasInterrupted = true
    void endCopies()
  })
  try {
    const options = { fileMode: await fileModeIn(dir), hold: writerAlive && owns }
    const copying = new Progress('Copying  ', 'segments', asJson)
    const copied = await copyLog(dir, making, options, ({ segments, ofSegments, bytes }) =>
      copying.at(segments, ofSegments, bytes),
    ).finally(() => copying.end())
    const verified = await checked(making, asJson)
    if (wasInterrupted) return EXIT_INTERRUPTED
    await rename(making, target)
    await syncDirectory(dirname(target))
    await print(
      asJson ? json({ to: target, ...copied, ...gist(verified) }) : screen(target, copied, verified),
    )
    return EXIT_CLEAN
  } catch (error) {
    if (wasInterrupted && error instanceof WalError && error.code === 'WAL_CLOSED') return EXIT_INTERRUPTED
    throw error
  } finally {
    done()
    await rm(making, { recursive: true, force: true })
  }
}

async function checkFree(target: string): Promise<void> {
  try {
    if ((await readdir(target)).length === 0) return
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    if (code === 'ENOTDIR') {
      throw new UsageError(
        `${target} is or lies in a file, where the copy is to be made: name a new directory`,
      )
    }
    throw new WalError('WAL_IO', `cannot look whether ${target} is empty: ${message}`, { path: target })
  }
  throw new UsageError(`${target} is not empty; a copy is never written over anything: name a new directory`)
}

/** What lies in a log counts as a part of it: a name that is like a segment's keeps the log from being opened. */
async function checkOutside(dir: string, target: string): Promise<void> {
  const parent = await realpath(dirname(target)).catch(() => undefined)
  if (parent === undefined) return
  const way = relative(await realpath(dir), parent)
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) return
  throw new UsageError(
    `${target} lies in the log that is to be copied: name a directory that is not inside ${dir}`,
  )
}

/** A copy of damage is no backup. */
async function checked(making: string, asJson: boolean): Promise<VerifySummary> {
  const verifying = new Progress('Verifying', 'segments', asJson)
  const summary = await verifyLog(making, ({ segments, ofSegments, bytes }) =>
    verifying.at(segments, ofSegments, bytes),
  ).finally(() => verifying.end())
  if (summary.state === 'clean') return summary
  const { segment, offset, reason } = summary.bad ?? { segment: null, offset: 0, reason: 'it is not clean' }
  throw new WalError(
    'WAL_CORRUPT',
    `the copy does not verify, and neither will the log: segment ${segment ?? '-'}, offset ${offset}: ${reason}. ` +
      'Nothing was copied; flashstrike-wal verify says more',
    segment === null ? {} : { segment, offset },
  )
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** With the names that `verify` has, and those that every command has. */
function gist({ state, events, firstId, lastId, durableEventId, bad }: VerifySummary) {
  return { state, events, firstId, lastId, firstEventId: firstId, lastEventId: lastId, durableEventId, bad }
}

function screen(target: string, copied: Copied, { events, firstId, lastId }: VerifySummary): string {
  const range = events === 0 ? '' : `, ids ${firstId} to ${lastId}`
  const lines = [
    paragraph(
      `Copied ${counted(events, 'event')}${range}, in ${counted(copied.segments, 'segment')} (${bytes(copied.bytes)}), to ${safe(target)}`,
      '',
    ),
    '  The copy is synced and verified.',
  ]
  if (copied.stagedNotCopied > 0) {
    lines.push(
      paragraph(
        `${counted(copied.stagedNotCopied, 'staged event')} of a writer that has died are not in it: open the log for ` +
          'append once, which writes them, and copy again.',
      ),
    )
  }
  return lines.join('\n')
}
