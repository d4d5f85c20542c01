import { createReadStream } from 'node:fs'
import { CsvError, parse } from 'csv-parse'
import { InputError } from './input-error.js'
import { OrderFlow, type OrderMessage } from './order-flow.js'

/** The columns of a LOBSTER message file, in their order. */
const COLUMNS = ['time', 'type', 'order id', 'size', 'price', 'direction'] as const

const EXPECTED = `a LOBSTER message has ${COLUMNS.length} columns: ${COLUMNS.join(', ')}`

/** A row as csv-parse gives it with `info`. */
interface Row {
  readonly info: { readonly lines: number }
  readonly record: readonly string[]
}

/**
 * Reads a LOBSTER message file: time (seconds after midnight), type (1 … 7), order id, size, price (dollars × 10 000),
 * direction (1 buy, −1 sell). A line of headings in front is passed over.
 *
 * @param limit read no more messages than this
 * @throws InputError naming line and column of the first value that cannot be right; also for a file that cannot be read
 */
export async function readLobster(path: string, limit = Number.POSITIVE_INFINITY): Promise<OrderFlow> {
  const flow = new OrderFlow()
  const file = createReadStream(path)
  const rows = parse({ info: true, trim: true, skip_empty_lines: true, relax_column_count: true, bom: true })
  file.on('error', error => rows.destroy(error))
  try {
    for await (const { info, record } of file.pipe(rows) as AsyncIterable<Row>) {
      if (flow.length >= limit) break
      if (info.lines === 1 && isHeading(record)) continue
      flow.push(message(path, info.lines, record))
    }
  } catch (error) {
    throw told(path, error)
  } finally {
    file.destroy()
  }
  if (flow.length === 0) throw new InputError(`${path}: no messages in this file`)
  return flow
}

function told(path: string, error: unknown): unknown {
  if (error instanceof InputError) return error
  if (error instanceof CsvError) {
    const { lines, column } = error as CsvError & { lines?: number; column?: number | string }
    const where = typeof column === 'number' ? `, column ${column + 1}` : ''
    return new InputError(`${path}: line ${lines ?? 1}${where}: ${error.message}; ${EXPECTED}`)
  }
  const { code } = error as NodeJS.ErrnoException
  return code === undefined ? error : new InputError(`${path} cannot be read: ${code}`)
}

function isHeading(record: readonly string[]): boolean {
  return record.length === COLUMNS.length && /^[a-z]/i.test(record[0] ?? '')
}

function message(path: string, line: number, record: readonly string[]): OrderMessage {
  const wrong = (column: number, why: string): InputError => {
    const value = JSON.stringify(record[column] ?? '')
    return new InputError(
      `${path}: line ${line}, column ${column + 1} (${COLUMNS[column] ?? 'surplus'}): ${value} ${why}`,
    )
  }
  if (record.length < COLUMNS.length) throw missing(path, line, record.length)
  if (record.length > COLUMNS.length) throw wrong(COLUMNS.length, 'is one column too many')
  const whole = (column: number, least: number, most: number): number => {
    const text = record[column] ?? ''
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least && value <= most)) throw wrong(column, `is no whole number from ${least} to ${most}`)
    return value
  }
  const timeNs = nanoseconds(record[0] ?? '')
  if (timeNs === undefined) throw wrong(0, 'is no time in seconds after midnight')
  const type = whole(1, 1, 7)
  const orderId = whole(2, 0, 2 ** 48)
  const size = whole(3, 0, 2 ** 32 - 1)
  const price = whole(4, -1, 1e12)
  const side = whole(5, -1, 1)
  if (side === 0) throw wrong(5, 'is neither 1 nor -1')
  return { timeNs, type, orderId, size, price, side }
}

function missing(path: string, line: number, columns: number): InputError {
  const found = columns === 1 ? '1 column' : `${columns} columns`
  return new InputError(`${path}: line ${line} has ${found}; ${EXPECTED}`)
}

/** Exactly, digit by digit: a double does not hold seconds with nine decimals. */
function nanoseconds(text: string): number | undefined {
  const match = /^(\d{1,5})(?:\.(\d{1,9})\d*)?$/.exec(text)
  if (match === null) return undefined
  const [, seconds = '', decimals = ''] = match
  return Number(seconds) * 1e9 + Number(decimals.padEnd(9, '0'))
}
