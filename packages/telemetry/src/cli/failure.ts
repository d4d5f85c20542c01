import wrapAnsi from 'wrap-ansi'
import { MetricsError } from '../errors.js'
import { colours } from './output.js'
import { safeLines } from './text.js'

/** It has done what it was asked for. */
export const EXIT_OK = 0
/** The command was wrong, or what it asked for could not be had. */
export const EXIT_ERROR = 2

/** What was asked for makes no sense. */
export class UsageError extends Error {}

/** Says what went wrong, on standard error, and of wrong usage where help stands; gives the exit code. */
export function fail(error: unknown, help: string): number {
  const { red, dim } = colours(process.stderr)
  const message = safeLines(error instanceof Error ? error.message : String(error))
  const code = error instanceof MetricsError ? error.code : (error as NodeJS.ErrnoException).code
  const last = error instanceof UsageError ? help : code === undefined ? '' : `(${code})`
  const text = `${red('error:')} ${message}\n${last === '' ? '' : `${dim(last)}\n`}`
  process.stderr.write(process.stderr.isTTY ? wrapAnsi(text, process.stderr.columns, { hard: true }) : text)
  return EXIT_ERROR
}
