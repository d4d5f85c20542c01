/** How a command ends: with which exit code, and what it says of an error. */
import { WalError } from '../errors.js'
import { colours, columns, note } from './output.js'
import { wrapped } from './table.js'
import { json, safeLines } from './text.js'

/** The log is clean, or the command has done what it was asked for. */
export const EXIT_CLEAN = 0
/** Damage was found, and is still there. */
export const EXIT_DAMAGE = 1
/** The command was wrong, or the operating system said no. */
export const EXIT_ERROR = 2
/** A signal ended it, as shells say it. */
export const EXIT_INTERRUPTED = 130

/** What was asked for makes no sense. */
export class UsageError extends Error {}

const DAMAGE = new Set(['WAL_CORRUPT', 'WAL_TORN'])

/** Says what went wrong, on standard error, and of wrong usage where help stands; gives the exit code. */
export function fail(error: unknown, asJson: boolean, help: string): number {
  const { code, message } = described(error)
  if (asJson) note(json(described(error)))
  else {
    const { red, dim } = colours(process.stderr)
    const lines = `${red('error:')} ${safeLines(message)}`.split('\n')
    const last = code === 'USAGE' ? help : `(${code})`
    for (const line of [...lines, dim(last)]) note(wrapped(line, columns(process.stderr)).join('\n'))
  }
  return DAMAGE.has(code) ? EXIT_DAMAGE : EXIT_ERROR
}

/** An error as `--json` has it: the properties of a `WalError`, in this order. */
function described(error: unknown): { code: string; message: string; [place: string]: unknown } {
  if (error instanceof WalError) {
    const { code, message, segment, offset, eventId, path } = error
    return { code, message, segment, offset, eventId, path }
  }
  if (error instanceof UsageError) return { code: 'USAGE', message: error.message }
  const { code, message, path } = error as NodeJS.ErrnoException
  return { code: code ?? 'ERROR', message: message ?? String(error), path }
}
