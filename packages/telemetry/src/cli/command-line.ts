/** How arguments are understood, and what is said of those that make no sense. */
import { createRequire } from 'node:module'
import { VERSION } from '@flashstrike/native-addon'
import type Yargs from 'yargs'
import { COMMANDS } from './commands.js'
import { UsageError } from './failure.js'
import { complaint, everyOne, examples, PROGRAM } from './usage.js'

// Its form as an ES module breaks help texts in the middle of words.
const yargs = createRequire(import.meta.url)('yargs') as typeof Yargs

/** Examples fit the one, and nobody reads lines longer than the other. */
const LEAST_COLUMNS = 80
const MOST_COLUMNS = 100

/** What understands arguments and does what they ask for. */
export function commandLine(args: readonly string[]) {
  const parser = yargs()
    .scriptName(PROGRAM)
    .usage(
      '$0 <command> PAGE.. [options]\n\nShows what write-ahead logs measure of themselves, from another process.',
    )
  return (
    [...COMMANDS]
      .reduce((all, [name, add]) => add(all, name), parser)
      .epilogue(
        `${examples([
          ['watch /dev/shm/orders', 'what is it doing?'],
          ['serve --help', 'options and examples of a command'],
        ])}\n\nExit codes: 0 done, 2 wrong usage or no such page. Reading disturbs nobody.`,
      )
      // Where the parser knows numbers, it takes a 1 for a count and adds it to what the option had before.
      .parserConfiguration({ 'parse-numbers': false })
      .middleware(lastOfEach)
      .strict()
      .recommendCommands()
      .demandCommand(1, `say what to do: ${everyOne(COMMANDS)}`)
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
        throw isOfUsage(error) ? new UsageError(complaint(error?.message ?? message, args, COMMANDS)) : error
      })
  )
}

/** Of an option that is given twice the last one counts. The parser can do so itself, but then of several pages too. */
function lastOfEach(given: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(given))
    if (Array.isArray(value) && name !== 'page' && name !== '_') given[name] = value.at(-1)
}

/** The parser throws some of its complaints, and only tells the others. */
function isOfUsage(error: Error | undefined): boolean {
  return error === undefined || error.name === 'YError'
}
