/** Each command with its options, its examples and what it does. What it does is loaded when it is asked for. */
import type { Argv } from 'yargs'
import { PROTOCOLS } from './endpoint.js'
import { UsageError } from './failure.js'
import { examples } from './usage.js'

const MOST_PORT = 65_535
/** What a timer can wait at most; one that is to wait longer does not wait at all. */
const MOST_SECONDS = 2_147_483

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

/** All of them; each adds itself to a parser, under its name. */
export const COMMANDS: ReadonlyMap<string, (parser: Argv, name: string) => Argv> = new Map(
  Object.entries({ dump, watch, serve, push, report }),
)

function dump(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} <page..>`,
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
}

function watch(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} <page..>`,
    'Rates, latencies, ids and queues, live',
    command =>
      command
        .positional('page', pages)
        .option('interval', interval(1, 'Seconds from one look to the next'))
        .option('times', { describe: 'Look so many times, then end', ...number, alias: 'n' })
        .epilogue(
          examples([
            ['watch /dev/shm/orders', 'Ctrl-C ends it'],
            ['watch /dev/shm/orders -i 10 -n 6 >> course.txt', 'a minute of it, without a terminal'],
          ]),
        ),
    async ({ page, interval, times }) => {
      if (times !== undefined && !(Number.isSafeInteger(times) && times > 0))
        throw new UsageError('--times is a whole number above 0')
      const intervalMs = milliseconds('interval', interval)
      await end((await import('./watch/watch.js')).watch(page, { intervalMs, times }))
    },
  )
}

function serve(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} <page..>`,
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
}

function push(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} <page..>`,
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
    async ({ page, endpoint, protocol, interval, once }) => {
      const intervalMs = milliseconds('interval', interval)
      await end((await import('./push.js')).push(page, { endpoint, protocol, intervalMs, once }))
    },
  )
}

function report(parser: Argv, name: string): Argv {
  return parser.command(
    `${name} <page..>`,
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
        .epilogue(examples([['report /dev/shm/orders > report.html', 'one file that needs nothing else']])),
    async ({ page, seconds }) => {
      if (!(seconds >= 0 && seconds <= MOST_SECONDS))
        throw new UsageError(`--seconds is a number of seconds, 0 to ${MOST_SECONDS}`)
      await end((await import('./report.js')).report(page, { seconds }))
    },
  )
}

function milliseconds(option: string, seconds: number): number {
  if (!(seconds > 0)) throw new UsageError(`--${option} is a number above 0`)
  if (seconds > MOST_SECONDS) throw new UsageError(`--${option} is at most ${MOST_SECONDS} seconds`)
  return seconds * 1000
}

async function end(code: Promise<number>): Promise<void> {
  process.exitCode = await code
}
