// As much of Markdown as the checks need: headings, links and fenced code, each with its line.

/** Reads a page. Lines count from 1; a block's `line` is that of its first line of code. */
export function parseMarkdown(path, text) {
  const page = { path, text, headings: [], links: [], blocks: [], rows: [] }
  let fence
  let block
  for (const [index, line] of text.split('\n').entries()) {
    if (fence !== undefined) {
      if (line.trim() === fence) fence = undefined
      else block.code += `${line}\n`
      continue
    }
    const opened = /^(`{3,})([^\s,]*)(.*)$/.exec(line)
    if (opened) {
      fence = opened[1]
      block = { language: opened[2], flags: opened[3].trim().split(/[\s,]+/), line: index + 2, code: '' }
      page.blocks.push(block)
    } else {
      readLine(page, line, index + 1)
    }
  }
  return page
}

function readLine(page, line, number) {
  const heading = /^(#{1,6}) (.*)$/.exec(line)
  if (heading) page.headings.push({ level: heading[1].length, text: heading[2], line: number })
  if (line.startsWith('|')) page.rows.push({ cells: cellsOf(line), line: number })
  for (const [, target] of line.replace(/`[^`]*`(?!\])/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
    page.links.push({ target, line: number })
  }
}

function cellsOf(line) {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map(cell => cell.trim())
}

/** The anchors of a page, as GitHub makes them of headings. */
export function anchorsOf({ headings }) {
  const counts = new Map()
  return new Set(
    headings.map(({ text }) => {
      const slug = text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-')
      const before = counts.get(slug) ?? 0
      counts.set(slug, before + 1)
      return before === 0 ? slug : `${slug}-${before}`
    }),
  )
}
