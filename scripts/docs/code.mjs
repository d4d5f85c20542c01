// Compiles every block of TypeScript and JavaScript, has all of them run, and so the commands that are marked `run`, and
// reads the log that a block of bytes marked `hex NAME SIZE` describes.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import ts from 'typescript'
import { runAll } from './run.mjs'
import { outcome } from './shell.mjs'

const PACKAGES = ['wal-recorder', 'wal-recovery', 'telemetry']
const COMMANDS = { 'flashstrike-wal': 'wal-recovery', 'flashstrike-telemetry': 'telemetry' }
/** What a user has installed who exports metrics. */
const OPENTELEMETRY = 'scripts/opentelemetry/sdk-2/node_modules/@opentelemetry'
const LANGUAGES = new Set(['ts', 'js'])

export async function checkCode(root, pages) {
  const folder = join(root, 'node_modules/.docs')
  makeFolder(root, folder)
  const blocks = pages.flatMap(({ path, blocks }) =>
    blocks.filter(({ language }) => LANGUAGES.has(language)).map(block => ({ ...block, page: path })),
  )
  for (const [index, block] of blocks.entries()) {
    block.file = join(folder, `block-${index}.ts`)
    // A block without an import is a module all the same.
    writeFileSync(block.file, `${block.code}export {}\n`)
  }
  const problems = compile(blocks)
  for (const { page, line, flags } of blocks)
    if (!flags.includes('run')) problems.push(`${page}:${line}: nothing runs this`)
  const toRun = pages.flatMap(({ path, blocks }) =>
    blocks.filter(({ flags }) => flags.includes('run')).map(block => ({ ...block, page: path })),
  )
  const ran = await runAll(root, folder, toRun)
  problems.push(...ran.problems)
  const images = pages.flatMap(({ path, blocks }) =>
    blocks.filter(({ language }) => language === 'hex').map(block => ({ ...block, page: path })),
  )
  for (const image of images) problems.push(...(await readImage(folder, image)))
  return { checked: blocks.length + ran.checked + images.length, problems, skipped: ran.skipped }
}

/** A folder in which the packages are found by name, as a user's program finds them. */
function makeFolder(root, folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'node_modules/@flashstrike'), { recursive: true })
  for (const name of PACKAGES) {
    const link = join(folder, 'node_modules/@flashstrike', name)
    symlinkSync(join(root, 'packages', name), link, 'junction')
  }
  mkdirSync(join(folder, 'node_modules/.bin'))
  for (const [command, name] of Object.entries(COMMANDS)) {
    symlinkSync(
      join(root, 'packages', name, 'bin', `${command}.js`),
      join(folder, 'node_modules/.bin', command),
    )
  }
  symlinkSync(join(root, OPENTELEMETRY), join(folder, 'node_modules/@opentelemetry'), 'junction')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
}

function compile(blocks) {
  const program = ts.createProgram(
    blocks.map(({ file }) => file),
    {
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
      module: ts.ModuleKind.NodeNext,
      types: ['node'],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    },
  )
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, ' ')
    const block = blocks.find(candidate => resolve(file?.fileName ?? '') === resolve(candidate.file))
    if (block === undefined) return `${file?.fileName ?? 'tsc'}: ${text}`
    const { line } = file.getLineAndCharacterOfPosition(start ?? 0)
    return `${block.page}:${block.line + line}: ${text}`
  })
}

const READER = `
import { Recovery } from '@flashstrike/wal-recovery'
const log = await Recovery.open({ dir: process.cwd(), mode: 'strict' })
if (log.report.state !== 'clean') throw new Error(JSON.stringify(log.report))
let events = 0
for (const event of log.replay()) events += 1
if (events === 0) throw new Error('no event in it')
await log.close()
`

/** Writes the bytes as a segment; they have to be a clean log with an event. */
async function readImage(folder, { page, line, flags, code }) {
  const [name, size] = flags
  const directory = mkdtempSync(join(tmpdir(), 'flashstrike-docs-'))
  const image = Buffer.alloc(Number(size))
  for (const row of code.trim().split('\n')) {
    const [offset, ...bytes] = row.trim().split(/\s+/)
    image.set(
      bytes.map(byte => Number.parseInt(byte, 16)),
      Number.parseInt(offset, 16),
    )
  }
  writeFileSync(join(directory, name), image)
  const script = join(folder, 'read-image.mjs')
  writeFileSync(script, READER)
  const failure = await outcome(process.execPath, [script], directory)
  rmSync(directory, { recursive: true, force: true })
  return failure === undefined ? [] : [`${page}:${line}: ${failure}`]
}
