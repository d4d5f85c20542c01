/** `dump`: the events themselves. */
import type { Gap } from '../block-walker.js'
import type { LogBlock } from '../log-block.js'
import { Recovery } from '../recovery.js'
import type { RecoveryMode } from '../report.js'
import { type ByteEncoding, rowReader, type Value } from './event-rows.js'
import { EXIT_CLEAN, EXIT_DAMAGE, UsageError } from './failure.js'
import { handleInterrupt } from './interrupt.js'
import { isOutputClosed, note, Output } from './output.js'
import { type Format, formatter } from './row-formats.js'
import { damageText, paragraph } from './state-line.js'
import { safe } from './text.js'
import { type Bound, bound, segmentName } from './units.js'

/** What `dump` takes. */
interface DumpOptions {
  readonly dir: string
  readonly mode: RecoveryMode
  readonly from: string | undefined
  readonly to: string | undefined
  readonly since: string | undefined
  readonly until: string | undefined
  /** Only the last so many of what is chosen. */
  readonly last: number | undefined
  readonly limit: number | undefined
  /** Go on with what is written from now on. */
  readonly follow: boolean
  readonly format: Format
  readonly fields: readonly string[] | undefined
  readonly encoding: ByteEncoding
}

/** Rows that are laid out together: the first ones say how wide a table is. */
const BATCH = 256

/** Blocks have times in nanoseconds; what is looked for is the first one behind a time, and up to a microsecond early. */
const STEP_MS = 0.002

/** Which events, by id and by when they were written. */
interface Range {
  from: number
  to: number
  sinceMs: number
  untilMs: number
}

/** Prints events; gives the exit code. */
export async function dump(options: DumpOptions): Promise<number> {
  const range = rangeOf(options)
  await using log = await Recovery.open({ dir: options.dir, mode: options.mode })
  const reader = rowReader(log.schema, options.fields, options.encoding)
  const rows = new Rows(formatter(options.format, reader.columns), options.limit)
  if (range.sinceMs > Number.NEGATIVE_INFINITY) {
    range.from = Math.max(range.from, log.seekTime(range.sinceMs) ?? log.lastEventId + 1)
  }
  if (options.last !== undefined) range.from = firstOfLast(log, options.last, range, options.follow)
  let gaps = 0
  try {
    for await (const block of source(log, options.follow, range)) {
      if (isGap(block)) {
        gaps += 1
        note(paragraph(gapText(block), ''))
        continue
      }
      if (block.writtenMs > range.untilMs) break
      for (const row of reader.rows(block, range)) {
        const full = rows.add(row)
        if (full !== undefined) await full
        if (rows.isDone) break
      }
      if (rows.isDone || isOutputClosed() || (options.follow && block.lastId >= range.to)) break
      if (!options.follow) continue
      range.from = block.lastId + 1
      await rows.flush()
    }
  } finally {
    // Also before the message of what is damaged: the events in front of it are good.
    await rows.end()
  }
  const { state, damage } = log.report
  if (damage !== null) note(paragraph(`The log is ${state} at ${damageText(damage)}`, ''))
  return state === 'clean' && gaps === 0 ? EXIT_CLEAN : EXIT_DAMAGE
}

/** The blocks there are, or also those that are still to come, until somebody interrupts it. */
async function* source(
  log: Recovery,
  follows: boolean,
  { from, to }: Range,
): AsyncGenerator<LogBlock<unknown> | Gap, void, undefined> {
  const begin = from > 0 ? { from } : {}
  if (!follows) {
    yield* log.blocks({ ...begin, to })
    return
  }
  const interrupt = new AbortController()
  const done = handleInterrupt(() => interrupt.abort())
  try {
    yield* log.follow({ ...begin, signal: interrupt.signal }).blocks()
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
  } finally {
    done()
  }
}

/** Where the last so many events begin, found from the end: nothing older is read. */
function firstOfLast(log: Recovery, last: number, range: Range, follows: boolean): number {
  let to = Math.min(range.to, log.lastEventId)
  if (range.untilMs < Number.POSITIVE_INFINITY) {
    const later = log.seekTime(range.untilMs + STEP_MS)
    if (later !== undefined) to = Math.min(to, later - 1)
  }
  // Beside a recorder the log goes on while this looks; only who follows wants that too.
  if (!follows) range.to = to
  let first = to + 1
  if (last === 0 || to < 1) return first
  let left = last
  // From where a look for a time has gone it would not come to what lies before.
  for (const { event_id } of log.replay({ from: 0, to, reverse: true }) as Iterable<{ event_id: number }>) {
    first = event_id
    left -= 1
    if (left === 0) break
  }
  return first
}

function rangeOf({ from, to, since, until, last, limit, mode, follow }: DumpOptions): Range {
  const range = {
    from: 0,
    to: Number.MAX_SAFE_INTEGER,
    sinceMs: Number.NEGATIVE_INFINITY,
    untilMs: Number.POSITIVE_INFINITY,
  }
  const lower = (bound: Bound) => {
    if ('id' in bound) range.from = Math.max(range.from, bound.id)
    else range.sinceMs = Math.max(range.sinceMs, bound.ms)
  }
  const upper = (bound: Bound) => {
    if ('id' in bound) range.to = Math.min(range.to, bound.id)
    else range.untilMs = Math.min(range.untilMs, bound.ms)
  }
  if (from !== undefined) lower(bound('from', from))
  if (since !== undefined) lower(bound('since', since))
  if (to !== undefined) upper(bound('to', to))
  if (until !== undefined) upper(bound('until', until))
  const isCount = (value: number | undefined) =>
    value === undefined || (Number.isSafeInteger(value) && value >= 0)
  if (!isCount(limit)) throw new UsageError('--limit takes a number of events')
  if (!isCount(last)) throw new UsageError('--last takes a number of events')
  if (last !== undefined) {
    const other = from !== undefined ? '--from' : since !== undefined ? '--since' : undefined
    if (other !== undefined) {
      throw new UsageError(`--last and ${other} both say where to begin: take one of them`)
    }
    if (limit !== undefined && !follow) {
      throw new UsageError('--last counts from the end and --limit from the beginning: take one of them')
    }
    if (mode === 'diagnostic') {
      throw new UsageError(
        '--last has no meaning with --mode diagnostic, where events may be missing anywhere: take --from',
      )
    }
  }
  return range
}

function isGap(block: LogBlock<unknown> | Gap): block is Gap {
  return 'afterEventId' in block
}

function gapText({ segment, offset, end, afterEventId, reason }: Gap): string {
  const place = `segment ${segmentName(segment)}, offset ${offset} to ${end}`
  return `gap behind event ${afterEventId}: ${place}: ${safe(reason)}`
}

/** Rows on their way to standard output. */
class Rows {
  readonly #format: (rows: readonly (readonly Value[])[]) => string
  readonly #output = new Output()
  #batch: (readonly Value[])[] = []
  #left: number
  #isEmpty = true

  constructor(format: (rows: readonly (readonly Value[])[]) => string, limit: number | undefined) {
    this.#format = format
    this.#left = limit ?? Number.POSITIVE_INFINITY
  }

  get isDone(): boolean {
    return this.#left <= 0
  }

  /** Adds a row; wait for the promise if there is one. */
  add(row: readonly Value[]): Promise<void> | undefined {
    if (this.#left <= 0) return undefined
    this.#left -= 1
    this.#batch.push(row)
    return this.#batch.length < BATCH ? undefined : this.#write()
  }

  /** Writes what there is, for whoever watches. */
  async flush(): Promise<void> {
    if (this.#batch.length > 0) await this.#write()
    await this.#output.flush()
  }

  async end(): Promise<void> {
    // The names of the columns come also where there is no event.
    if (this.#batch.length > 0 || this.#isEmpty) await this.#write()
    await this.#output.flush()
  }

  #write(): Promise<void> | undefined {
    const batch = this.#batch
    this.#batch = []
    this.#isEmpty = false
    return this.#output.write(this.#format(batch))
  }
}
