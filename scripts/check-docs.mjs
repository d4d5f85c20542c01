// node scripts/check-docs.mjs: whether the documentation still says what is. It compiles and runs every code block, reads
// data as what it is shown as, follows every link between files, and compares tables with the sources they describe.
// Needs what `npm test` installs and builds. Prints one line for each finding, as `file:line: what`; exit code 1 if there
// is any.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import process from 'node:process'
import { checkCode } from './docs/code.mjs'
import { checkCommands } from './docs/commands.mjs'
import { checkData } from './docs/data.mjs'
import { checkFacts } from './docs/facts.mjs'
import { checkLinks } from './docs/links.mjs'
import { parseMarkdown } from './docs/markdown.mjs'
import { checkRequirements } from './docs/requirements.mjs'
import { checkWeaker } from './docs/weaker.mjs'
import { root } from './lib.mjs'

/** Every page that users and contributors read. */
function pages() {
  const inFolder = folder => readdirSync(join(root, folder)).map(name => join(root, folder, name))
  const children = ['packages', 'crates', 'examples'].flatMap(inFolder)
  const readmes = children.map(folder => join(folder, 'README.md'))
  return [...inFolder('.'), ...inFolder('docs'), ...readmes]
    .filter(path => path.endsWith('.md') && existsSync(path))
    .map(path => parseMarkdown(relative(root, path), readFileSync(path, 'utf8')))
}

const documents = pages()
const checks = [
  ['links', checkLinks],
  ['facts', checkFacts],
  ['requirements', checkRequirements],
  ['weaker', checkWeaker],
  ['commands', checkCommands],
  ['data', checkData],
  ['code', checkCode],
]
let findings = 0
for (const [name, check] of checks) {
  const { checked, problems, skipped = [] } = await check(root, documents)
  for (const problem of problems) console.log(problem)
  for (const what of skipped) console.log(`SKIPPED: ${what}`)
  findings += problems.length
  console.log(`${name}: ${checked} checked, ${problems.length} wrong`)
}
process.exitCode = findings === 0 ? 0 : 1
