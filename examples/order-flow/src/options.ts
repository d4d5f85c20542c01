import { existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { InputError } from './input-error.js'

/** What the program is asked to do. */
export interface Options {
  /** A LOBSTER message file; without it a flow is made. */
  readonly input?: string
  /** Keep the log here; without it the log is removed in the end. */
  readonly dir?: string
  /** How many messages; of a file at most so many. */
  readonly events?: number
  readonly kills: number
  readonly seed: number
  readonly json: boolean
}

/** How many messages are made when nothing is asked. */
export const DEFAULT_EVENTS = 1_000_000
const MAX_EVENTS = 50_000_000

/**
 * Reads the command line.
 *
 * @returns the options, or the help text that was asked for
 * @throws InputError
 */
export function readOptions(argv: readonly string[]): Options | string {
  let help = ''
  const command = new Command('npm start --')
    .description(
      'Records an order flow in a process of its own, kills it at random moments, recovers, and proves that every ' +
        'acknowledged event is there.',
    )
    .option('--input <file>', 'a LOBSTER message file instead of a flow of our own')
    .option('--dir <dir>', 'keep the log in this directory (new or empty)')
    .option(
      '--events <n>',
      `number of events (default: ${DEFAULT_EVENTS}, or all of the file)`,
      whole(1, MAX_EVENTS),
    )
    .option('--kills <n>', 'how often the recorder is killed', whole(0, 1000), 3)
    .option('--seed <n>', 'makes another flow and other moments', whole(0, 2 ** 32 - 1), 1)
    .option('--json', 'print one JSON object', false)
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({
      writeOut: text => {
        help += text
      },
      writeErr: () => {},
    })
  try {
    command.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return help
    throw new InputError(error.message.replace(/^error: /, ''))
  }
  const options = command.opts<Options>()
  if (options.dir === undefined) return options
  return { ...options, dir: emptyDirectory(options.dir) }
}

function whole(least: number, most: number): (text: string) => number {
  return text => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`It has to be a whole number from ${least} to ${most}.`)
  }
}

function emptyDirectory(dir: string): string {
  const path = resolve(dir)
  if (!existsSync(path)) {
    if (existsSync(resolve(path, '..'))) return path
    throw new InputError(`--dir ${dir}: the directory it should be made in does not exist`)
  }
  try {
    if (readdirSync(path).length === 0) return path
  } catch {
    throw new InputError(`--dir ${dir} is no directory that can be read`)
  }
  throw new InputError(`--dir ${dir} is not empty: name a new or an empty directory`)
}
