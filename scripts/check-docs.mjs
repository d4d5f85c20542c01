// node scripts/check-docs.mjs: whether the documentation still says what is. It compiles every code block, runs those
// marked `run`, follows every link between files, and compares tables with the sources they describe.
// Needs what `npm run build` makes. Prints one line for each finding, as `file:line: what`; exit code 1 if there is any.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { checkCode } from './docs/code.mjs'
import { checkFacts } from './docs/facts.mjs'
import { checkLinks } from './docs/links.mjs'
import { parseMarkdown } from './docs/markdown.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Every page that users and contributors read. */
function pages() {
  const inFolder = folder => readdirSync(join(root, folder)).map(name => join(root, folder, name))
  const packages = inFolder('packages').map(folder => join(folder, 'README.md'))
  return [...inFolder('.'), ...inFolder('docs'), ...packages]
    .filter(path => path.endsWith('.md'))
    .map(path => parseMarkdown(relative(root, path), readFileSync(path, 'utf8')))
}

const documents = pages()
const checks = [
  ['links', checkLinks],
  ['facts', checkFacts],
  ['code', checkCode],
]
let findings = 0
for (const [name, check] of checks) {
  const { checked, problems } = await check(root, documents)
  for (const problem of problems) console.log(problem)
  findings += problems.length
  console.log(`${name}: ${checked} checked, ${problems.length} wrong`)
}
process.exitCode = findings === 0 ? 0 : 1
