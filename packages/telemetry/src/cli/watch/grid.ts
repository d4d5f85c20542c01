import Table from 'cli-table3'
import { beginning, widthOf } from './width.js'

/** Text in a column, at its left side unless it says otherwise. */
export type Cell = string | { readonly right: string }

const GAP = '  '
const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
}

/** How wide these rows are where nothing is cut off. */
export function gridWidth(rows: readonly (readonly Cell[])[]): number {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(row => widthOf(textOf(row[column] ?? '')))),
  )
  return widths.reduce((sum, width) => sum + width, GAP.length * Math.max(widths.length - 1, 0))
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.right
}

/** Rows in columns as wide as they have to be, each a line; what does not fit the width is cut off. */
export function grid(rows: readonly (readonly Cell[])[], width: number): string[] {
  const table = new Table({
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) {
    table.push(
      row.map(cell =>
        typeof cell === 'string' ? { content: cell } : { content: cell.right, hAlign: 'right' as const },
      ),
    )
  }
  return table
    .toString()
    .split('\n')
    .map(line => beginning(line, width).trimEnd())
}
