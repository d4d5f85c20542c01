/** The commands with their options, examples and help. Each is loaded when it is asked for. */
import { createRequire } from 'node:module'
import { VERSION } from '@flashstrike/native-addon'
import type Yargs from 'yargs'
import { UsageError } from './failure.js'
import { complaint, EVERY_COMMAND, examples, PROGRAM } from './usage.js'

// Its form as an ES module breaks help texts in the middle of words.
const yargs = createRequire(import.meta.url)('yargs') as typeof Yargs

const PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const
const MOST_PORT = 65_535
/** What a timer can wait at most; one that is to wait longer does not wait at all. */
const MOST_SECONDS = 2_147_483
const LEAST_COLUMNS = 80
const MOST_COLUMNS = 100

/** A number behind an option: the last one, if it is given several times. */
const number = {
  coerce: (given: string | number | readonly string[]) => {
    const last = String([given].flat().at(-1)).trim()
    // As a number, nothing would be 0: a variable of a script that is not set is no port.
    return last === '' ? Number.NaN : Number(last)
  },
  requiresArg: true,
} as const
const pages = {
  describe: 'Shared pages: what `telemetry: { file }` of a recorder or a recovery names',
  type: 'string',
  array: true,
  demandOption: true,
} as const
const interval = (seconds: number, describe: string) =>
  ({ describe, ...number, default: seconds, alias: 'i' }) as const

/** What understands arguments and does what they ask for. */
export function commandLine(args: readonly string[]) {
  return (
    yargs()
      .scriptName(PROGRAM)
      .usage(
        '$0 <command> PAGE.. [options]\n\nShows what write-ahead logs measure of themselves, from another process.',
      )
      .command(
        'dump <page..>',
        'Print every metric once',
        command =>
          command
            .positional('page', pages)
            .option('json', { describe: 'One JSON object, for programs', type: 'boolean', default: false })
            .epilogue(
              examples([
                ['dump /dev/shm/orders', 'also of a process that is dead'],
                ['dump /dev/shm/orders --json | jq .sources', 'for programs'],
              ]),
            ),
        async ({ page, json }) => end((await import('./dump.js')).dump(page, { json })),
      )
      .command(
        'watch <page..>',
        'Rates, latencies, ids and queues, live',
        command =>
          command
            .positional('page', pages)
            .option('interval', interval(1, 'Seconds from one look to the next'))
            .option('times', {
              describe: 'Look so many times, then end',
              ...number,
              alias: 'n',
            })
            .epilogue(
              examples([
                ['watch /dev/shm/orders', 'Ctrl-C ends it'],
                ['watch /dev/shm/orders -i 10 -n 6 >> course.txt', 'a minute of it, without a terminal'],
              ]),
            ),
        async ({ page, interval, times }) =>
          end(
            (await import('./watch/watch.js')).watch(page, {
              intervalMs: milliseconds('interval', interval),
              times: times === undefined ? undefined : positive('times', times),
            }),
          ),
      )
      .command(
        'serve <page..>',
        'Serve pages to Prometheus over HTTP',
        command =>
          command
            .positional('page', pages)
            .option('port', {
              describe: 'Port to listen on; 0: any that is free',
              ...number,
              default: 9464,
              alias: 'p',
            })
            .option('host', { describe: 'Address to listen on', type: 'string', default: '127.0.0.1' })
            .option('legacy-names', {
              describe: 'Flat names, times in nanoseconds',
              type: 'boolean',
              default: false,
            })
            .epilogue(
              examples([['serve /dev/shm/orders --port 9464', 'then scrape http://127.0.0.1:9464/metrics']]),
            ),
        async ({ page, port, host, legacyNames }) => {
          if (!(Number.isInteger(port) && port >= 0 && port <= MOST_PORT))
            throw new UsageError(`--port is a whole number from 0 to ${MOST_PORT}`)
          await end((await import('./serve.js')).serve(page, { port, host, legacyNames }))
        },
      )
      .command(
        'push <page..>',
        'Push pages to a collector over OTLP',
        command =>
          command
            .positional('page', pages)
            .option('endpoint', {
              describe: 'Where the collector listens; else the environment says so',
              type: 'string',
              alias: 'e',
              requiresArg: true,
            })
            .option('protocol', {
              describe: 'How OTLP is spoken; else the environment says so, else http/protobuf',
              choices: PROTOCOLS,
            })
            .option('interval', interval(10, 'Seconds from one push to the next'))
            .option('once', { describe: 'Push once, then end', type: 'boolean', default: false })
            .epilogue(
              `${examples([['push /dev/shm/orders --endpoint http://localhost:4318', 'until the process has ended']])}\n\n` +
                'OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, ' +
                'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL, OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are heeded.',
            ),
        async ({ page, endpoint, protocol, interval, once }) =>
          end(
            (await import('./push.js')).push(page, {
              endpoint,
              protocol,
              intervalMs: milliseconds('interval', interval),
              once,
            }),
          ),
      )
      .command(
        'report <page..>',
        'Print an HTML page with pictures of rates and latencies',
        command =>
          command
            .positional('page', pages)
            .option('seconds', {
              describe: 'Follow living processes so long for the course of their rates',
              ...number,
              default: 5,
              alias: 's',
            })
            .epilogue(
              examples([['report /dev/shm/orders > report.html', 'one file that needs nothing else']]),
            ),
        async ({ page, seconds }) => {
          if (!(seconds >= 0 && seconds <= MOST_SECONDS))
            throw new UsageError(`--seconds is a number of seconds, 0 to ${MOST_SECONDS}`)
          await end((await import('./report.js')).report(page, { seconds }))
        },
      )
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
      .demandCommand(1, `say what to do: ${EVERY_COMMAND}`)
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
        throw isOfUsage(error) ? new UsageError(complaint(error?.message ?? message, args)) : error
      })
  )
}

function positive(option: string, value: number): number {
  if (!(value > 0)) throw new UsageError(`--${option} is a number above 0`)
  return value
}

function milliseconds(option: string, seconds: number): number {
  if (positive(option, seconds) > MOST_SECONDS)
    throw new UsageError(`--${option} is at most ${MOST_SECONDS} seconds`)
  return seconds * 1000
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

async function end(code: Promise<number>): Promise<void> {
  process.exitCode = await code
}
