/** Tables: on a terminal no wider than it is, elsewhere with every column. */
import Table from 'cli-table3'
import wrapAnsi from 'wrap-ansi'
import { GAP, NO_LINES } from './no-lines.js'
import { colours, columns } from './output.js'

/** In less room nobody can read. */
const LEAST_WIDTH = 20

/** One column of a table of `Row`s. */
export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly right?: boolean
  /** Where a terminal is too narrow, those with the highest number are left out first; without one never. */
  readonly spare?: number
  /** Where it is left out, what it says stands below the row. */
  readonly below?: boolean
}

/** A table as text, without a line break at its end. */
export function table<Row>(all: readonly Column<Row>[], rows: readonly Row[], indent = 0): string {
  const cells = new Map(all.map(column => [column, rows.map(row => column.value(row))]))
  const shown = fitting(all, cells, columns() - indent)
  const { bold } = colours(process.stdout)
  const made = new Table({
    head: shown.map(column => bold(column.title)),
    colAligns: shown.map(column => (column.right ? 'right' : 'left')),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  rows.forEach((_, at) => {
    made.push(shown.map(column => cells.get(column)?.[at] ?? ''))
  })
  const margin = ' '.repeat(indent)
  const hidden = all.filter(column => !shown.includes(column))
  const under = (at: number) =>
    hidden
      .filter(column => column.below === true && cells.get(column)?.[at])
      .flatMap(column => lines(`${column.title}: ${cells.get(column)?.[at]}`, indent + 2))
  const text = made.toString().split('\n')
  const rest = hidden.filter(column => column.below !== true).map(column => column.title)
  return [
    ...text.flatMap((line, at) => [margin + line.trimEnd(), ...(at === 0 ? [] : under(at - 1))]),
    ...(rest.length > 0 ? lines(`No room for ${rest.join(', ')}: --json has them.`, indent) : []),
  ].join('\n')
}

function lines(text: string, indent: number): string[] {
  return wrapped(text, columns() - indent).map(line => ' '.repeat(indent) + line)
}

/** Names and what they say, one a line; a value that is too long goes on under itself. */
export function facts(all: readonly (readonly [string, string])[]): string {
  const width = Math.max(...all.map(([name]) => name.length))
  const { bold } = colours(process.stdout)
  return all
    .map(([name, value]) => {
      const margin = `\n${' '.repeat(width)}${GAP}`
      const lines = wrapped(value, columns() - width - GAP.length)
      return `${bold(name.padEnd(width))}${GAP}${lines.join(margin)}`
    })
    .join('\n')
}

/** Text in lines no longer than `width`, broken between words where that is possible, else inside of one. */
export function wrapped(text: string, width: number): string[] {
  return width < LEAST_WIDTH ? [text] : wrapAnsi(text, width, { hard: true, trim: true }).split('\n')
}

function fitting<Row>(
  all: readonly Column<Row>[],
  cells: ReadonlyMap<Column<Row>, readonly string[]>,
  limit: number,
): readonly Column<Row>[] {
  const width = (column: Column<Row>) =>
    (cells.get(column) ?? []).reduce((most, text) => Math.max(most, text.length), column.title.length)
  const total = (some: readonly Column<Row>[]) =>
    some.reduce((sum, column) => sum + width(column) + GAP.length, -GAP.length)
  let shown = [...all]
  while (total(shown) > limit) {
    const most = Math.max(...shown.map(column => column.spare ?? 0))
    if (most === 0) break
    shown = shown.filter(column => (column.spare ?? 0) < most)
  }
  return shown
}
