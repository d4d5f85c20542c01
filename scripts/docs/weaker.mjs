// Whether docs/durability.md knows of as many weaker promises of a system as the report of each opening there names.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const PAGE = 'docs/durability.md'
/** Where each system's list is, by the heading of its column. */
const LISTS = {
  macOS: 'crates/platform/src/machine/macos.rs',
  Windows: 'crates/platform/src/machine/windows.rs',
}

export function checkWeaker(root, pages) {
  const { rows } = pages.find(({ path }) => path === PAGE)
  const begin = rows.findIndex(({ cells: [first] }) => first === 'promise')
  const { cells: head, line } = rows[begin]
  const table = rows.slice(begin).filter(({ cells }) => cells.length === head.length)
  const problems = []
  let checked = 0
  for (const [system, path] of Object.entries(LISTS)) {
    const [, list] = /const WEAKER: .*? = &\[\n(.*?)^\];/ms.exec(readFileSync(join(root, path), 'utf8')) ?? []
    const named = Array.from(list?.matchAll(/^ {4}"/gm) ?? []).length
    const shown = table.filter(({ cells }) => cells[head.indexOf(system)].startsWith('**')).length
    checked += named
    if (named === 0 || named !== shown)
      problems.push(`${PAGE}:${line}: ${shown} weaker promises of ${system}, and ${path} has ${named}`)
  }
  return { checked, problems }
}
