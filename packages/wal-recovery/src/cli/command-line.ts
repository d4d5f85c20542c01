/** The commands with their options, examples and help. Each is loaded when it is asked for. */
import { createRequire } from 'node:module'
import { VERSION } from '@flashstrike/native-addon'
import type Yargs from 'yargs'
import type { RecoveryMode } from '../report.js'
import { offered, SHELLS } from './completion.js'
import type { ByteEncoding } from './event-rows.js'
import { UsageError } from './failure.js'
import type { Format } from './row-formats.js'
import { type CommandUse, examples, PROGRAM, usageError } from './usage.js'

// Its form as an ES module breaks help texts in the middle of words.
const yargs = createRequire(import.meta.url)('yargs') as typeof Yargs

/** Examples fit the one, and nobody reads lines longer than the other. */
const LEAST_COLUMNS = 80
const MOST_COLUMNS = 100

const dir = { describe: 'Directory of the log', type: 'string', demandOption: true } as const
const asJson = {
  json: { describe: 'One JSON object, for programs', type: 'boolean', default: false },
} as const

const number = { coerce: Number, requiresArg: true } as const

const dumpOptions = {
  from: { describe: 'First event: an id, or a time', type: 'string' },
  to: { describe: 'Last event: an id, or a time', type: 'string' },
  since: { describe: 'Written then or later: a time, or how long ago', type: 'string' },
  until: { describe: 'Written then or before', type: 'string' },
  last: {
    describe: 'The last so many events; with --to or --until those up to there',
    ...number,
  },
  limit: {
    describe: 'At most so many events, the first ones',
    ...number,
    alias: 'n',
  },
  follow: {
    describe: 'Go on with what is written from now on; Ctrl-C ends it',
    type: 'boolean',
    default: false,
    alias: 'f',
  },
  format: { describe: 'How they are printed', choices: ['table', 'jsonl', 'csv'] },
  fields: { describe: 'Columns, in this order: a,b; also written', type: 'string' },
  encoding: {
    describe: 'Bytes that are no text: auto is base64',
    choices: ['auto', 'base64', 'hex'],
    default: 'auto',
  },
  mode: {
    describe: 'What is done about damage',
    choices: ['tail', 'strict', 'point-in-time', 'diagnostic'],
    default: 'tail',
  },
  json: { describe: 'The same as --format jsonl', type: 'boolean', default: false },
} as const

const repairOptions = {
  mode: {
    describe: 'What may be cut: an unfinished end, or everything from the first damage on',
    choices: ['tail', 'point-in-time'],
    default: 'tail',
  },
  'dry-run': { describe: 'Only show what would be done', type: 'boolean', default: false },
  yes: { describe: 'Do it without asking', type: 'boolean', default: false, alias: 'y' },
  undo: { describe: 'Put back what a repair has cut; without a name the newest', type: 'string' },
  ...asJson,
} as const

const aDirectory = ['the directory of a log']
const common = { help: { alias: 'h' }, version: {} } as const

/** What a command takes, for complaints about its use. */
function use(takes: readonly string[], own: Readonly<Record<string, object>>): CommandUse {
  const all: Readonly<Record<string, { readonly alias?: string }>> = { ...own, ...common }
  return { takes, options: Object.keys(all), short: Object.values(all).flatMap(({ alias }) => alias ?? []) }
}

const commands: Readonly<Record<string, CommandUse>> = {
  inspect: use(aDirectory, asJson),
  verify: use(aDirectory, asJson),
  dump: use(aDirectory, dumpOptions),
  repair: use(aDirectory, repairOptions),
  stat: use(aDirectory, asJson),
  copy: use([...aDirectory, 'the directory for the copy'], asJson),
  completion: use([`a shell (${SHELLS.join(', ')})`], {}),
}

/** What understands these arguments and does what they ask for. */
export function commandLine(args: readonly string[]) {
  return (
    yargs()
      .scriptName(PROGRAM)
      .usage('$0 <command> DIR [options]\n\nLooks at, verifies, prints, repairs and copies write-ahead logs.')
      .command(
        'inspect <dir>',
        'Segments, ids, sizes, states, cursors, quarantine',
        command =>
          command
            .positional('dir', dir)
            .options(asJson)
            .epilogue(
              examples([
                ['inspect ./orders', 'what lies in the directory'],
                ['inspect ./orders --json | jq .segments', 'the same for programs'],
              ]),
            ),
        async ({ dir, json }) => end((await import('./inspect.js')).inspect({ dir, json })),
      )
      .command(
        'verify <dir>',
        'Read every segment and say whether anything is wrong',
        command =>
          command
            .positional('dir', dir)
            .options(asJson)
            .epilogue(
              examples([
                ['verify ./orders', 'exit code 0: clean, 1: damaged, 2: it could not be read'],
                ['verify ./orders --json | jq .bad', 'where the first damage is, or null'],
              ]),
            ),
        async ({ dir, json }) => end((await import('./verify.js')).verify({ dir, json })),
      )
      .command(
        'dump <dir>',
        'Print events',
        command =>
          command
            .positional('dir', dir)
            .options(dumpOptions)
            .epilogue(
              examples([
                ['dump ./orders | head', 'the first events'],
                ['dump ./orders --last 20', 'the last ones'],
                ['dump ./orders --from 1000 --to 1999 --format csv', 'a range, for a spreadsheet'],
                ['dump ./orders --since 10m --fields event_id,price', 'two columns of the last ten minutes'],
                ['dump ./orders --last 10 --follow', 'the last ten, and what comes'],
                ['dump ./orders --mode diagnostic', 'what is left of a damaged log'],
              ]),
            ),
        async options => {
          const { format, fields, json } = options
          if (json && format !== undefined && format !== 'jsonl') {
            throw new UsageError(`--json is --format jsonl, and --format ${format} was asked for too`)
          }
          const asked = {
            ...options,
            mode: options.mode as RecoveryMode,
            encoding: options.encoding as ByteEncoding,
            format: (format ?? (json ? 'jsonl' : 'table')) as Format,
            fields: fields?.split(',').map(name => name.trim()),
            from: options.from,
            to: options.to,
            since: options.since,
            until: options.until,
            last: options.last,
            limit: options.limit,
          }
          await end((await import('./dump.js')).dump(asked))
        },
      )
      .command(
        'repair <dir>',
        'Cut what is damaged, or put it back',
        command =>
          command
            .positional('dir', dir)
            .options(repairOptions)
            .epilogue(
              examples([
                ['repair ./orders', 'shows the plan and asks'],
                ['repair ./orders --mode point-in-time --dry-run', 'what giving up would cost'],
                ['repair ./orders --undo', 'takes the newest repair back'],
              ]),
            ),
        async ({ dir, mode, dryRun, yes, undo, json }) =>
          end((await import('./repair.js')).repair({ dir, mode, dryRun, yes, undo, json })),
      )
      .command(
        'stat <dir>',
        'Events, bytes, rate, what is durable, on one screen',
        command =>
          command
            .positional('dir', dir)
            .options(asJson)
            .epilogue(examples([['stat ./orders', 'how the log is doing']])),
        async ({ dir, json }) => end((await import('./stat.js')).stat({ dir, json })),
      )
      .command(
        'copy <dir> <to>',
        'Copy a log, also one that is being appended to',
        command =>
          command
            .positional('dir', dir)
            .positional('to', {
              describe: 'Directory for the copy: not there yet, or empty',
              type: 'string',
              demandOption: true,
            })
            .options(asJson)
            .epilogue(
              examples([['copy ./orders /backup/orders-2026-07-27', 'a backup beside a running recorder']]),
            ),
        async ({ dir, to, json }) => end((await import('./copy.js')).copy({ dir, to, json })),
      )
      .command(
        'completion [shell]',
        `Print a script that completes commands in ${SHELLS.slice(0, -1).join(', ')} or ${SHELLS.at(-1)}`,
        command =>
          command
            .positional('shell', {
              describe: 'The shell; without it the one in SHELL',
              choices: SHELLS,
            })
            .epilogue(
              examples([
                ['completion bash >> ~/.bashrc', 'in every bash that is started from now on'],
                ['completion zsh >> ~/.zshrc', 'the same for zsh'],
                ['completion fish | source', 'in this fish; as a line of config.fish in every one'],
              ]),
            ),
        async ({ shell }) => end((await import('./completion.js')).completion(shell)),
      )
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
        throw isOfUsage(error) ? usageError(error?.message ?? message, args, commands) : error
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

async function end(code: Promise<number>): Promise<void> {
  process.exitCode = await code
}
