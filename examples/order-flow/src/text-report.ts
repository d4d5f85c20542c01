import Table from 'cli-table3'
import pc from 'picocolors'
import type { Finding } from './proof.js'
import type { Listener, Outcome } from './run.js'

/** How many price levels of each side are shown. */
const LEVELS = 5
const count = new Intl.NumberFormat('en-US')

/** Prints how the run goes on. */
export function textListener(print: (line: string) => void): Listener {
  return {
    flow: (events, from) => print(`${pc.bold('Order flow')}  ${count.format(events)} messages (${from})\n`),
    killed: (kill, { acknowledged, recovered, fromStaging, lost }) => {
      const verdict = lost === 0 ? pc.green('nothing lost') : pc.red(pc.bold(`${count.format(lost)} LOST`))
      const staged = `${count.format(fromStaging)} from staging`
      print(
        `${pc.yellow(`SIGKILL ${kill}`)}  after event ${count.format(acknowledged)}: ` +
          `recovered ${count.format(recovered)}, ${staged}, ${verdict}`,
      )
    },
  }
}

/** The outcome for people: tables on a terminal, plain columns elsewhere. */
export function textReport(outcome: Outcome, fancy: boolean): string {
  const { findings, recording, replayed, booksEqual } = outcome
  const parts = [
    heading('Recovery'),
    recoveryTable(findings, fancy),
    heading('Rates'),
    table(
      fancy,
      [],
      [
        [
          'append',
          `${(recording.appendNs / Math.max(1, recording.appended)).toFixed(1)} ns an event`,
          `${count.format(recording.appended)} events after the last kill`,
        ],
        ['all durable', `${recording.durableMs.toFixed(1)} ms`, 'after the last append'],
        [
          'replay',
          `${(replayed.eventsPerSecond / 1e6).toFixed(1)} million events/s`,
          'verified, from opening to the last event',
        ],
      ],
    ),
    heading('Order book'),
    bookTable(outcome, fancy),
    `${count.format(replayed.book.size)} orders; ${count.format(replayed.book.unknown)} messages about orders from before the flow`,
    booksEqual
      ? pc.green('The replayed book equals the book built without the log.')
      : pc.red(pc.bold('The replayed book DIFFERS from the book built without the log.')),
    `payload sha256 ${replayed.payloadSha256}`,
    heading('Telemetry of the last recorder'),
    recording.metrics,
    heading('Telemetry of the replay'),
    replayed.metrics.trimEnd(),
  ]
  if (outcome.dir !== undefined) parts.push(`The log is in ${outcome.dir}`)
  parts.push('', verdict(outcome), 'npm start -- --help shows what else this program can do.')
  return parts.join('\n')
}

function verdict({ lost, events, findings, booksEqual }: Outcome): string {
  if (lost > 0) return pc.red(pc.bold(`FAILED: ${count.format(lost)} acknowledged events are missing`))
  if (!booksEqual) return pc.red(pc.bold('FAILED: the books differ'))
  const kills = findings.length === 1 ? '1 kill' : `${findings.length} kills`
  return pc.green(pc.bold(`OK: ${count.format(events)} events through ${kills}, none lost`))
}

function recoveryTable(findings: readonly Finding[], fancy: boolean): string {
  const head = ['kill', 'acknowledged', 'recovered', 'from staging', 'torn', 'lost']
  const rows = findings.map(({ acknowledged, recovered, fromStaging, torn, lost }, i) => [
    String(i + 1),
    ...[acknowledged, recovered, fromStaging].map(n => count.format(n)),
    torn ? 'yes' : 'no',
    count.format(lost),
  ])
  return table(fancy, head, rows)
}

function bookTable({ replayed: { book } }: Outcome, fancy: boolean): string {
  const [bids, asks] = [book.top(1, LEVELS), book.top(-1, LEVELS)]
  const rows = Array.from({ length: Math.max(bids.length, asks.length) }, (_, i) => {
    const [bid, ask] = [bids[i], asks[i]]
    const shown = (level: typeof bid, parts: (of: NonNullable<typeof bid>) => string[]) =>
      level === undefined ? ['', '', ''] : parts(level)
    return [
      ...shown(bid, ({ orders, size, price }) => [
        count.format(orders),
        count.format(size),
        pc.green(dollars(price)),
      ]),
      ...shown(ask, ({ orders, size, price }) => [
        pc.red(dollars(price)),
        count.format(size),
        count.format(orders),
      ]),
    ]
  })
  return table(fancy, ['orders', 'shares', 'bid', 'ask', 'shares', 'orders'], rows)
}

function dollars(price: number): string {
  return (price / 10_000).toFixed(2)
}

function heading(text: string): string {
  return `\n${pc.bold(text)}`
}

const NO_BORDERS = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid', 'middle'].flatMap(side => [
    [side, ''],
    [`${side}-mid`, ''],
    [`${side}-left`, ''],
    [`${side}-right`, ''],
    [`mid-mid`, ''],
    ['left-mid', ''],
    ['right-mid', ''],
    ['middle', '  '],
  ]),
)

function table(fancy: boolean, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = Math.max(head.length, ...rows.map(row => row.length))
  const made = new Table({
    head: head.map(text => pc.bold(text)),
    colAligns: Array.from({ length: columns }, () => (head.length === 0 ? 'left' : 'right')),
    style: {
      head: [],
      border: fancy ? ['gray'] : [],
      compact: true,
      ...(fancy ? {} : { 'padding-left': 0, 'padding-right': 0 }),
    },
    ...(fancy ? {} : { chars: NO_BORDERS }),
  })
  made.push(...rows.map(row => [...row]))
  return made.toString()
}
