/** Rows as text: a table, JSON lines, CSV. */
import Table from 'cli-table3'
import { stringify } from 'csv-stringify/sync'
import type { Value } from './event-rows.js'
import { GAP, NO_LINES } from './no-lines.js'
import { colours, note, columns as terminalColumns } from './output.js'
import { json, safe } from './text.js'

export type Format = 'table' | 'jsonl' | 'csv'

/** Turns batches of rows into text, one after the other. */
type Formatter = (rows: readonly (readonly Value[])[]) => string

/** What makes text of rows with these columns. */
export function formatter(format: Format, columns: readonly string[]): Formatter {
  if (format === 'csv') return csv(columns)
  return format === 'jsonl' ? jsonLines(columns) : tables(columns)
}

function jsonLines(columns: readonly string[]): Formatter {
  const names = columns.map(name => `${json(name)}:`)
  // Bytes as `ByteEvent` has them: `text` or `base64`, whichever it is.
  const data = columns.indexOf('data')
  const encoding = columns.indexOf('encoding')
  const cell = (value: Value) => {
    if (typeof value === 'number' && Number.isFinite(value)) return String(value)
    return json(String(value))
  }
  const name = (row: readonly Value[], at: number) =>
    at === data && encoding >= 0 ? `${json(row[encoding])}:` : names[at]
  const isShown = (at: number) => data < 0 || at !== encoding
  return rows =>
    rows
      .map(row => {
        const members: string[] = []
        row.forEach((value, at) => {
          if (isShown(at)) members.push(`${name(row, at)}${cell(value)}`)
        })
        return `{${members.join(',')}}\n`
      })
      .join('')
}

function csv(columns: readonly string[]): Formatter {
  let isFirst = true
  return rows => {
    const lines = rows.map(row => row.map(String))
    const all = isFirst ? [columns.map(safe), ...lines] : lines
    isFirst = false
    return stringify(all)
  }
}

function tables(columns: readonly string[]): Formatter {
  const widths = columns.map(name => safe(name).length)
  const limit = terminalColumns()
  const { bold } = colours(process.stdout)
  let isFirst = true
  let shown: number[] = columns.map((_, at) => at)
  return rows => {
    const cells = rows.map(row => row.map(value => safe(String(value))))
    for (const row of cells) {
      row.forEach((text, at) => {
        widths[at] = Math.max(widths[at] ?? 0, text.length)
      })
    }
    if (isFirst) shown = fitting(columns, widths, limit)
    const rightOf = (at: number) => rows.every(row => typeof row[at] !== 'string')
    const table = new Table({
      ...(isFirst && { head: shown.map(at => bold(safe(columns[at] ?? ''))) }),
      colWidths: shown.map((at, place) => widthOf(shown, widths, limit, at, place)),
      colAligns: shown.map(at => (rightOf(at) ? 'right' : 'left')),
      chars: NO_LINES,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    })
    for (const row of cells) table.push(shown.map(at => row[at] ?? ''))
    isFirst = false
    return table
      .toString()
      .split('\n')
      .map(line => `${line.trimEnd()}\n`)
      .join('')
  }
}

/** As many columns from the left as a terminal has room for; what is not shown is said. */
function fitting(columns: readonly string[], widths: readonly number[], limit: number): number[] {
  const shown: number[] = []
  let used = -GAP.length
  for (const at of columns.keys()) {
    const least = columns[at] === 'data' ? 16 : (widths[at] ?? 0)
    used += GAP.length + least
    if (used > limit && shown.length > 0) break
    shown.push(at)
  }
  const hidden = columns.slice(shown.length).map(safe)
  if (hidden.length > 0) {
    note(`No room for ${hidden.join(', ')}: choose columns with --fields, or take --format jsonl.`)
  }
  return shown
}

/** The last column of bytes takes what is left of a terminal. */
function widthOf(
  shown: readonly number[],
  widths: readonly number[],
  limit: number,
  at: number,
  place: number,
): number {
  const width = Math.max(1, widths[at] ?? 1)
  if (place < shown.length - 1 || limit === Number.POSITIVE_INFINITY) return width
  const before = shown.slice(0, -1).reduce((sum, other) => sum + (widths[other] ?? 0) + GAP.length, 0)
  return Math.max(1, Math.min(width, limit - before))
}
