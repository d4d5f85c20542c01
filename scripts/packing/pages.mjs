// The pages that go into a package, with links that lead somewhere there.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { root } from '../lib.mjs'

/**
 * The pages that a package is read with, for who has the package and nothing else. A log's are with its recovery, which
 * is installed with the recorder too.
 */
const PAGES = {
  'wal-recovery': [
    'cli',
    'durability',
    'format',
    'migrating',
    'operations',
    'packages',
    'recovery',
    'telemetry',
  ],
  telemetry: ['packages', 'telemetry'],
}

/** A relative link of Markdown, or of a picture in HTML, with what stands before and behind it. */
export const LINK = /(\]\(|(?:src|srcset)=")(?![a-z]+:|#)([^)"#\s]+)/g

/** Writes the pages of a package into its folder, and mends the links of its README. Gives what was added. */
export function addPages(folder, manifest) {
  const name = posix.basename(manifest.name)
  const pages = (PAGES[name] ?? []).map(page => `docs/${page}.md`)
  for (const page of [...pages, 'CHANGELOG.md']) addPage(folder, page, pages, manifest)
  // Nothing of the package's own counts for a README: it is read in a registry too, where it stands alone.
  const readme = join(folder, 'README.md')
  const source = `packages/${name}/README.md`
  writeFileSync(readme, withLinks(source, readFileSync(readme, 'utf8'), [], manifest))
  return ['CHANGELOG.md', ...(pages.length === 0 ? [] : ['docs'])]
}

/** Writes a page of the repository into a package's folder, where it stands beside those that are packed too. */
export function addPage(folder, page, packed, manifest) {
  const target = join(folder, page)
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, withLinks(page, readFileSync(join(root, page), 'utf8'), packed, manifest))
}

/** A page of the repository whose links to what is not packed beside it lead to the repository instead. */
function withLinks(source, text, packed, { repository }) {
  const home = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')
  return text.replace(LINK, (whole, before, target) => {
    const path = posix.join(posix.dirname(source), target)
    if (packed.includes(path)) return whole
    if (!existsSync(join(root, path))) throw new Error(`${source} has a link to ${path}, which is not there`)
    return `${before}${home}/${/\.(svg|png)$/.test(path) ? 'raw' : 'blob'}/HEAD/${path}`
  })
}
