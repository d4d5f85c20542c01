import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The pages that show some of the figures, seen from here. */
const PAGES = [
  '../../README.md',
  '../../packages/wal-recorder/README.md',
  '../../packages/wal-recovery/README.md',
  '../../packages/telemetry/README.md',
  '../../docs/operations.md',
].map(path => fileURLToPath(new URL(path, import.meta.url)))

/**
 * Brings the figures that other pages show up to those of the document, and gives the paths of these pages. A row there
 * begins with a link to its benchmark and names the figure as the document does; where the document has the figure beside
 * several references, the row's own one is kept.
 */
export function updateOverviews(document: string): readonly string[] {
  const measured = rowsOf(readFileSync(document, 'utf8'))
  for (const page of PAGES) {
    const lines = readFileSync(page, 'utf8').split('\n')
    writeFileSync(page, lines.map(line => upToDate(line, measured)).join('\n'))
  }
  return PAGES
}

interface Row {
  readonly figure: string
  readonly median: string
  readonly reference: string
  readonly referenceMedian: string
  readonly ratio: string
  /** What the heading above it is linked by. */
  readonly anchor: string
}

function rowsOf(text: string): readonly Row[] {
  let anchor = ''
  return text.split('\n').flatMap(line => {
    if (line.startsWith('## ')) anchor = anchorOf(line.slice(3))
    const [figure, median, , reference, referenceMedian, ratio] = cellsOf(line)
    if (!figure || !median || !reference || !referenceMedian || !ratio) return []
    return [{ figure, median, reference, referenceMedian, ratio, anchor }]
  })
}

function upToDate(line: string, measured: readonly Row[]): string {
  const [link = '', figure, , reference = ''] = cellsOf(line)
  const [, anchor] = /benchmarks\.md#([^)]+)\)$/.exec(link) ?? []
  const rows = measured.filter(row => row.anchor === anchor && row.figure === figure)
  const row = rows.find(row => unversioned(row.reference) === unversioned(reference)) ?? rows[0]
  if (row === undefined) return line
  return `| ${[link, row.figure, row.median, row.reference, row.referenceMedian, row.ratio].join(' | ')} |`
}

function cellsOf(line: string): string[] {
  return line.startsWith('| ')
    ? line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim())
    : []
}

/** As Markdown's readers make it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-')
}

function unversioned(reference: string): string {
  return reference.replace(/ \d+\.\d+\.\d+/, '')
}
