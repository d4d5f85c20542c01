// Runs the blocks of the pages that are marked `run`: TypeScript and JavaScript, and commands of shells. Those of one
// page run in its order, in one directory that is empty at first; of an example, it has the example in it.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import ts from 'typescript'
import { outcome, runCommands } from './shell.mjs'
import { World } from './world.mjs'

const NOT_COPIED = new Set(['node_modules', 'test'])

/**
 * Runs them; `folder` is one in which the packages are found by name, `node` and `env` are what programs are run with.
 * Gives how many were run, what is wrong, and what this machine cannot run.
 */
export async function runAll(root, folder, blocks, { node = process.execPath, env = process.env } = {}) {
  const problems = []
  const skipped = []
  const directories = new Map()
  const world = await World.make(root, folder)
  const place = { root, folder, node, env: { ...env, ...world.env }, world }
  for (const block of blocks) {
    const lacking = world.lacking(block.code)
    if (lacking !== undefined) skipped.push(`${block.page}:${block.line}: ${lacking}`)
    else {
      if (!directories.has(block.page)) directories.set(block.page, newDirectory(place, block.page))
      const failure = await run(place, directories.get(block.page), block)
      if (failure !== undefined) problems.push(`${block.page}:${block.line}: ${failure}`)
    }
  }
  await world.close()
  for (const directory of directories.values()) rmSync(directory, { recursive: true, force: true })
  return { checked: blocks.length - skipped.length, problems, skipped: [...skipped, ...world.skips] }
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
  const isExample = page.startsWith('examples/')
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
