/** How arguments are understood, and what is said of those that make no sense. */
import { createRequire } from 'node:module'
import { VERSION } from '@flashstrike/native-addon'
import type Yargs from 'yargs'
import { COMMANDS } from './commands.js'
import { offered } from './completion.js'
import { examples, PROGRAM, usageError } from './usage.js'

// Its form as an ES module breaks help texts in the middle of words.
const yargs = createRequire(import.meta.url)('yargs') as typeof Yargs

/** Examples fit the one, and nobody reads lines longer than the other. */
const LEAST_COLUMNS = 80
const MOST_COLUMNS = 100

/** What understands these arguments and does what they ask for. */
export function commandLine(args: readonly string[]) {
  const parser = yargs()
    .scriptName(PROGRAM)
    .usage('$0 <command> DIR [options]\n\nLooks at, verifies, prints, repairs and copies write-ahead logs.')
  return (
    [...COMMANDS]
      .reduce((all, [name, { add }]) => add(all, name), parser)
      // Only what it offers to a shell is used; the script comes from `completion`.
      .completion(COMPLETER, false, complete)
      .epilogue(
        `${examples([
          ['verify ./orders', 'is everything there?'],
          ['dump ./orders --since 10m', 'what was written in the last ten minutes?'],
          ['verify --help', 'options and examples of a command'],
        ])}\n\n` +
          'Exit codes: 0 clean, 1 damage was found, 2 wrong usage or an error of the\n' +
          'operating system. Reading changes nothing. All of it: docs/cli.md',
      )
      // Where the parser knows numbers, it takes a 1 for a count and adds it to what the option had before.
      .parserConfiguration({ 'duplicate-arguments-array': false, 'parse-numbers': false })
      .strict()
      .demandCommand(1)
      .version(VERSION)
      .help()
      .alias('help', 'h')
      .detectLocale(false)
      .wrap(
        Math.min(
          MOST_COLUMNS,
          Math.max(LEAST_COLUMNS, (process.stdout.isTTY && process.stdout.columns) || 0),
        ),
      )
      .exitProcess(false)
      .showHelpOnFail(false)
      .fail((message, error) => {
        throw isOfUsage(error) ? usageError(error?.message ?? message, args, COMMANDS) : error
      })
  )
}

/** Has to be the name of a command, which nobody calls. */
const COMPLETER = 'complete-words'

type Found = (error: Error | null, found: string[] | undefined) => void

/** Gives a shell what can follow the words typed. */
function complete(
  current: string,
  _args: unknown,
  filter: (found: Found) => void,
  done: (offered: string[]) => void,
): void {
  filter((_error, found = []) => done(offered(current, found)))
}

/** The parser throws some of its complaints, and only tells the others. */
function isOfUsage(error: Error | undefined): boolean {
  return error === undefined || error.name === 'YError'
}
