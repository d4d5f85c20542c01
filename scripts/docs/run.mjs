// Runs the blocks of the pages that are marked `run`: TypeScript and JavaScript, and commands of shells. Those of one
// page run in its order, in one directory that is empty at first; of an example, it has the example in it. Then those of
// all pages but the examples' run in one directory, as somebody tries them: a log that two pages name is of one type.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import ts from 'typescript'
import { outcome, runCommands } from './shell.mjs'
import { World } from './world.mjs'

const NOT_COPIED = new Set(['node_modules', 'test'])
/** In place of a page's name. */
const EVERY_PAGE = 'every page'

/**
 * Runs them; `folder` is one in which the packages are found by name, `node` and `env` are what programs are run with.
 * Gives how many were run, what is wrong, and what this machine cannot run.
 */
export async function runAll(root, folder, blocks, { node = process.execPath, env = process.env } = {}) {
  const place = { root, folder, node, env }
  const alone = await runIn(place, blocks, page => page)
  const fine = blocks.filter(block => !alone.passedOver.has(block) && !isOfExample(block.page))
  const together = await runIn(place, fine, () => EVERY_PAGE)
  const problems = [
    ...alone.failed.map(({ block, failure }) => `${block.page}:${block.line}: ${failure}`),
    ...together.failed.map(
      ({ block, failure }) =>
        `${block.page}:${block.line}: in one directory with the other pages: ${failure}`,
    ),
  ]
  const { skipped } = alone
  return { checked: blocks.length - skipped.length, problems, skipped: [...skipped, ...alone.skips] }
}

/** Runs blocks in a world of their own, each in the directory of the name that its page has there. */
async function runIn({ env, ...given }, blocks, nameOf) {
  const world = await World.make(given.root, given.folder)
  const place = { ...given, env: { ...env, ...world.env }, world }
  const directories = new Map()
  const [failed, skipped, passedOver] = [[], [], new Set()]
  for (const block of blocks) {
    const lacking = world.lacking(block.code)
    if (lacking !== undefined) skipped.push(`${block.page}:${block.line}: ${lacking}`)
    const name = nameOf(block.page)
    if (!directories.has(name)) directories.set(name, newDirectory(place, name))
    const failure = lacking === undefined ? await run(place, directories.get(name), block) : undefined
    if (failure !== undefined) failed.push({ block, failure })
    if (lacking ?? failure) passedOver.add(block)
  }
  await world.close()
  for (const directory of directories.values()) rmSync(directory, { recursive: true, force: true })
  return { failed, skipped, passedOver, skips: world.skips }
}

function isOfExample(page) {
  return page.startsWith('examples/')
}

async function run(place, directory, { language, flags, code }) {
  const { world, env } = place
  const here = world.here(code)
  for (const maker of world.makers(code, directory)) {
    const failure = await runCode(place, directory, maker)
    if (failure !== undefined) return failure
  }
  const failure =
    language === 'sh'
      ? await runCommands(directory, here, { goesOn: flags.includes('interrupted'), env })
      : await runCode(place, directory, here + world.epilogue(code))
  return failure ?? world.unreadable() ?? world.unpushed(code)
}

function runCode({ folder, node, env }, directory, code) {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  const script = join(folder, 'block.mjs')
  writeFileSync(script, outputText)
  return outcome(node, [script], directory, env)
}

function newDirectory({ root, folder, world }, page) {
  const directory = mkdtempSync(join(tmpdir(), 'flashstrike-docs-'))
  const isExample = isOfExample(page)
  const home = isExample ? join(root, dirname(page)) : folder
  symlinkSync(join(home, 'node_modules'), join(directory, 'node_modules'), 'junction')
  if (!isExample) return directory
  for (const name of readdirSync(home).filter(name => !NOT_COPIED.has(name))) {
    cpSync(join(home, name), join(directory, name), { recursive: true })
    const copy = join(directory, name)
    if (name.endsWith('.mjs')) writeFileSync(copy, world.here(readFileSync(copy, 'utf8')))
  }
  return directory
}
