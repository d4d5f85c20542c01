// Whether every link inside the repository leads somewhere, and to a heading that is there.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { anchorsOf, parseMarkdown } from './markdown.mjs'

export function checkLinks(root, pages) {
  const problems = []
  let checked = 0
  for (const page of pages) {
    for (const { target, line } of page.links) {
      if (/^[a-z]+:/.test(target)) continue
      checked += 1
      const problem = problemOf(root, page, target)
      if (problem !== undefined) problems.push(`${page.path}:${line}: ${problem}`)
    }
  }
  return { checked, problems }
}

function problemOf(root, page, target) {
  const [file, anchor] = target.split('#')
  const path = file === '' ? join(root, page.path) : join(root, dirname(page.path), file)
  if (!existsSync(path)) return `${target}: there is no ${relative(root, path)}`
  if (anchor === undefined) return undefined
  if (statSync(path).isDirectory()) return `${target}: a folder has no headings`
  const anchors = anchorsOf(parseMarkdown(path, readFileSync(path, 'utf8')))
  return anchors.has(anchor) ? undefined : `${target}: no such heading`
}
