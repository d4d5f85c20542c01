// Runs the blocks of the pages that are marked `run`: TypeScript and JavaScript, and the commands of shells that begin
// with `npx flashstrike-`. Those of one page run in its order, in one directory that is empty at first.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import ts from 'typescript'
import { World } from './world.mjs'

/** Longer than any of them takes on a slow, busy machine. */
const TIMEOUT_MS = 600_000

/** Runs them; `folder` is one in which the packages are found by name. Gives what is wrong. */
export async function runAll(root, folder, blocks) {
  const problems = []
  const directories = new Map()
  const world = await World.make(root, folder)
  for (const block of blocks) {
    if (!directories.has(block.page)) directories.set(block.page, newDirectory(folder))
    const failure = await run(world, folder, directories.get(block.page), block)
    if (failure !== undefined) problems.push(`${block.page}:${block.line}: ${failure}`)
  }
  await world.close()
  for (const directory of directories.values()) rmSync(directory, { recursive: true, force: true })
  return problems
}

async function run(world, folder, directory, { language, code }) {
  const here = world.here(code)
  if (here === undefined) return undefined
  for (const maker of world.makers(code, directory)) {
    const failure = await runCode(folder, directory, maker)
    if (failure !== undefined) return failure
  }
  const failure =
    language === 'sh'
      ? await runCommands(directory, here)
      : await runCode(folder, directory, here + world.epilogue(code))
  return failure ?? world.unpushed(code)
}

function runCode(folder, directory, code) {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  const script = join(folder, 'block.mjs')
  writeFileSync(script, outputText)
  return outcome(process.execPath, [script], directory)
}

/** One after the other; what `npm` would fetch is there. */
async function runCommands(directory, commands) {
  const own = commands.split('\n').filter(line => line.startsWith('npx flashstrike-'))
  for (const command of own) {
    const failure = await outcome('sh', ['-c', command.replace(/^npx /, 'node_modules/.bin/')], directory)
    if (failure !== undefined) return `${command}: ${failure}`
  }
  return undefined
}

/** How a program ended, with what it said, if it did not end well. */
export async function outcome(command, args, cwd) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', text => (said += text))
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(code ?? signal))
  })
  return status === 0 ? undefined : `ended with ${status}:\n${said}`
}

function newDirectory(folder) {
  const directory = mkdtempSync(join(tmpdir(), 'flashstrike-docs-'))
  symlinkSync(join(folder, 'node_modules'), join(directory, 'node_modules'), 'junction')
  return directory
}
