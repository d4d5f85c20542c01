/** Each command with its options, its examples and what it does. What it does is loaded when it is asked for. */
import type { Argv } from 'yargs'
import type { RecoveryMode } from '../report.js'
import { SHELLS } from './completion.js'
import type { ByteEncoding } from './event-rows.js'
import { UsageError } from './failure.js'
import type { Format } from './row-formats.js'
import { type CommandUse, examples } from './usage.js'

const dir = { describe: 'Directory of the log', type: 'string', demandOption: true } as const
const asJson = {
  json: { describe: 'One JSON object, for programs', type: 'boolean', default: false },
} as const

/** A number behind an option. Nothing is none, and not 0: such as a variable of a script that is not set. */
const number = {
  coerce: (given: string) => (given.trim() === '' ? Number.NaN : Number(given)),
  requiresArg: true,
} as const

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

/** A command; it adds itself to a parser, under its name. */
interface Command extends CommandUse {
  add(parser: Argv, name: string): Argv
}

/** All of them. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    inspect: looking(
      'Segments, ids, sizes, states, cursors, quarantine',
      [
        ['inspect ./orders', 'what lies in the directory'],
        ['inspect ./orders --json | jq .segments', 'the same for programs'],
      ],
      async asked => (await import('./inspect.js')).inspect(asked),
    ),
    verify: looking(
      'Read every segment and say whether anything is wrong',
      [
        ['verify ./orders', 'exit code 0: clean, 1: damaged, 2: it could not be read'],
        ['verify ./orders --json | jq .bad', 'where the first damage is, or null'],
      ],
      async asked => (await import('./verify.js')).verify(asked),
    ),
    dump: { ...use(aDirectory, dumpOptions), add: dump },
    repair: { ...use(aDirectory, repairOptions), add: repair },
    stat: looking(
      'Events, bytes, rate, what is durable, on one screen',
      [['stat ./orders', 'how the log is doing']],
      async asked => (await import('./stat.js')).stat(asked),
    ),
    copy: { ...use([...aDirectory, 'the directory for the copy'], asJson), add: copy },
    completion: { ...use([`a shell (${SHELLS.join(', ')})`], {}), add: completion },
  }),
)

/** What a command that looks at a log is asked for. */
interface Asked {
  readonly dir: string
  readonly json: boolean
}

/** A command that looks at a log, and takes its directory and nothing else. */
function looking(
  description: string,
  shown: Parameters<typeof examples>[0],
  run: (asked: Asked) => Promise<number>,
): Command {
  const add = (parser: Argv, name: string) =>
    parser.command(
      `${name} <dir>`,
      description,
      command => command.positional('dir', dir).options(asJson).epilogue(examples(shown)),
      ({ dir, json }) => end(run({ dir, json })),
    )
  return { ...use(aDirectory, asJson), add }
}

function dump(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} <dir>`,
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
      }
      await end((await import('./dump.js')).dump(asked))
    },
  )
}

function repair(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} <dir>`,
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
}

function copy(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} <dir> <to>`,
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
}

function completion(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} [shell]`,
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
}

async function end(code: Promise<number>): Promise<void> {
  process.exitCode = await code
}
