/** The command line `flashstrike-wal`. Each command is loaded when it is asked for. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type Yargs from 'yargs'
import type { RecoveryMode } from '../report.js'
import type { ByteEncoding } from './event-rows.js'
import { EXIT_CLEAN, EXIT_INTERRUPTED, fail, UsageError } from './failure.js'
import { interrupted } from './interrupt.js'
import { watchOutput } from './output.js'
import { endProgress } from './progress.js'
import type { Format } from './row-formats.js'
import { safeLines } from './text.js'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const args = process.argv.slice(2)
// Its form as an ES module breaks help texts in the middle of words.
const yargs = createRequire(import.meta.url)('yargs') as typeof Yargs

const dir = { describe: 'Directory of the log', type: 'string', demandOption: true } as const
const asJson = { describe: 'One JSON object, for programs', type: 'boolean', default: false } as const
const anyMode = ['tail', 'strict', 'point-in-time', 'diagnostic'] as const

function commandLine() {
  return yargs()
    .scriptName('flashstrike-wal')
    .usage('$0 <command> DIR [options]\n\nLooks at, verifies, prints, repairs and copies write-ahead logs.')
    .command(
      'inspect <dir>',
      'Segments, ids, sizes, states, cursors, quarantine',
      command =>
        command
          .positional('dir', dir)
          .option('json', asJson)
          .example('$0 inspect ./orders', 'what lies in the directory')
          .example('$0 inspect ./orders --json | jq .segments', 'the same for programs'),
      async ({ dir, json }) => end((await import('./inspect.js')).inspect({ dir, json })),
    )
    .command(
      'verify <dir>',
      'Read every segment and say whether anything is wrong',
      command =>
        command
          .positional('dir', dir)
          .option('json', asJson)
          .example('$0 verify ./orders', 'exit code 0: clean, 1: damaged')
          .example('$0 verify ./orders --json', 'state, events, firstId, lastId, staged, bad, …'),
      async ({ dir, json }) => end((await import('./verify.js')).verify({ dir, json })),
    )
    .command(
      'dump <dir>',
      'Print events',
      command =>
        command
          .positional('dir', dir)
          .option('from', { describe: 'First event: an id, or a time', type: 'string' })
          .option('to', { describe: 'Last event: an id, or a time', type: 'string' })
          .option('since', { describe: 'Written then or later: a time, or how long ago', type: 'string' })
          .option('until', { describe: 'Written then or before', type: 'string' })
          .option('limit', { describe: 'At most so many events', type: 'number', alias: 'n' })
          .option('follow', {
            describe: 'Go on with what is written from now on; Ctrl-C ends it',
            type: 'boolean',
            default: false,
            alias: 'f',
          })
          .option('format', { describe: 'How', choices: ['table', 'jsonl', 'csv'] as const })
          .option('fields', { describe: 'Columns, in this order: a,b; also written', type: 'string' })
          .option('encoding', {
            describe: 'Bytes that are no text: auto is base64',
            choices: ['auto', 'base64', 'hex'] as const,
            default: 'auto' as const,
          })
          .option('mode', {
            describe: 'What is done about damage',
            choices: anyMode,
            default: 'tail' as const,
          })
          .option('json', { describe: 'The same as --format jsonl', type: 'boolean', default: false })
          .example('$0 dump ./orders | head', 'the first events')
          .example('$0 dump ./orders --from 1000 --to 1999 --format csv', 'a range, for a spreadsheet')
          .example('$0 dump ./orders --since 10m --fields event_id,price', 'the last ten minutes')
          .example('$0 dump ./orders --since 1m --follow', 'and what comes')
          .example('$0 dump ./orders --mode diagnostic', 'what is left of a damaged log'),
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
          .option('mode', {
            describe: 'What may be cut: an unfinished end, or everything from the first damage on',
            choices: ['tail', 'point-in-time'] as const,
            default: 'tail' as const,
          })
          .option('dry-run', { describe: 'Only show what would be done', type: 'boolean', default: false })
          .option('yes', { describe: 'Do it without asking', type: 'boolean', default: false, alias: 'y' })
          .option('undo', {
            describe: 'Put back what a repair has cut; without a name the newest',
            type: 'string',
          })
          .option('json', asJson)
          .example('$0 repair ./orders', 'shows the plan and asks')
          .example('$0 repair ./orders --mode point-in-time --dry-run', 'what giving up would cost')
          .example('$0 repair ./orders --undo', 'takes the newest repair back'),
      async ({ dir, mode, dryRun, yes, undo, json }) =>
        end((await import('./repair.js')).repair({ dir, mode, dryRun, yes, undo, json })),
    )
    .command(
      'stat <dir>',
      'Events, bytes, rate, what is durable, on one screen',
      command =>
        command
          .positional('dir', dir)
          .option('json', asJson)
          .example('$0 stat ./orders', 'how the log is doing'),
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
          .option('json', asJson)
          .example('$0 copy ./orders /backup/orders-2026-07-27', 'a backup beside a running recorder'),
      async ({ dir, to, json }) => end((await import('./copy.js')).copy({ dir, to, json })),
    )
    .completion('completion', 'Print a script that completes commands in bash or zsh')
    .epilogue(
      'Exit codes: 0 clean, 1 damage was found, 2 wrong usage or an error of the operating system.\n' +
        'Reading changes nothing. All of it: docs/cli.md',
    )
    .example('$0 verify ./orders', 'is everything there?')
    .example('$0 dump ./orders --since 10m', 'what was written in the last ten minutes?')
    .strict()
    .demandCommand(1, 'say what to do: inspect, verify, dump, repair, stat or copy')
    .recommendCommands()
    .version(version)
    .help()
    .alias('help', 'h')
    .detectLocale(false)
    .wrap(Math.min(100, process.stdout.isTTY ? process.stdout.columns || 80 : 80))
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error ?? new UsageError(safeLines(message))
    })
}

async function end(code: Promise<number>): Promise<void> {
  process.exitCode = await code
}

function leave(): void {
  // What it is in the middle of, it ends itself; whoever asks twice does not want to wait.
  if (interrupted()) return
  endProgress()
  process.exit(EXIT_INTERRUPTED)
}

watchOutput()
process.on('SIGINT', leave)
process.on('SIGTERM', leave)
try {
  process.exitCode = EXIT_CLEAN
  await commandLine().parseAsync(args)
} catch (error) {
  endProgress()
  process.exitCode = fail(error, args.includes('--json'))
}
