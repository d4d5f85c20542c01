// From a fresh clone to something that runs: dependencies, native addons, TypeScript. Each step is skipped when
// nothing that it depends on has changed.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { answer, collect, must, readJson, retried, root, ScriptError, say } from './lib.mjs'
import { fingerprint, isDone, unlessDone } from './stamps.mjs'

/** The last pnpm that runs on every Node we support; npx fetches it, so nothing has to be installed before. */
export const PNPM = 'pnpm@10.34.8'
/** What only tests need: Node's other majors, and each of OpenTelemetry's SDKs. */
const FOR_TESTS = '@flashstrike/test-*'

/** The packages with an addon; their script `build:native` names the crate. */
export const addons = ['wal-recorder', 'wal-recovery', 'telemetry']

/** Rust's names of what addons are released for. */
export function releasedTargets() {
  return readJson(join(root, 'packages', addons[0], 'package.json')).napi.targets
}

/** Installs, builds the addons and compiles. `forTests`: with the packages that only the tests need. */
export async function bootstrap({ forTests = false } = {}) {
  checkNode()
  await install({ forTests })
  await fetchCrates()
  await buildNative()
  await compile()
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major < 20) throw new ScriptError(`Node 20 or later is needed, this is ${process.version}`)
}

/**
 * `pnpm install`. In continuous integration exactly as the lockfile says; elsewhere a program of the user's own, which
 * the lockfile cannot know, is added to it.
 */
export async function install({ forTests = false } = {}) {
  const manifests = workspaceFolders().map(folder => join(folder, 'package.json'))
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]
  const look = () => fingerprint(files, [PNPM])
  const print = look()
  const everything = 'node_modules/.installed-for-tests'
  const stamp = forTests || isDone(everything, print) ? everything : 'node_modules/.installed'
  await unlessDone(stamp, print, ['node_modules/typescript'], async () => {
    say('Installing dependencies …')
    const filter = forTests ? [] : ['--filter', `!${FOR_TESTS}`]
    const frozen = process.env.CI ? '--frozen-lockfile' : '--no-frozen-lockfile'
    const args = ['-y', PNPM, ...filter, 'install', frozen, '--reporter=append-only']
    // CI keeps pnpm from asking questions that nobody can answer here.
    await retried(() => must('pnpm install', 'npx', args, { env: { CI: 'true' } }))
    return look()
  })
}

/** Downloads the crates that anything here needs, also the tests, so that no build fails for want of the network. */
async function fetchCrates() {
  await requireCargo()
  const print = fingerprint(['Cargo.lock'], [process.platform, process.arch])
  await unlessDone('node_modules/.fetched', print, [], async () => {
    const version = await answer('rustc', 'rustc', ['-vV'])
    const host = version.match(/^host: (.*)$/m)?.[1]
    await retried(() => must('cargo fetch', 'cargo', ['fetch', '--locked', '--target', host]))
  })
}

/** Builds each addon with napi into `packages/NAME/native`. */
export async function buildNative() {
  const rust = ['crates', 'Cargo.toml', 'Cargo.lock']
  let announced = false
  for (const name of addons) {
    const manifest = `packages/${name}/package.json`
    const print = fingerprint([...rust, manifest], [process.platform, process.arch])
    const outputs = [`packages/${name}/native/binding.d.ts`]
    await unlessDone(`packages/${name}/native/.built`, print, outputs, async () => {
      if (!announced) say('Building the native addons (a few minutes the first time) …')
      announced = true
      await napiBuild(name)
    })
  }
}

/** Builds one addon with the package's own script and further options of napi. */
export async function napiBuild(name, options = []) {
  const folder = join(root, 'packages', name)
  const [tool, ...args] = readJson(join(folder, 'package.json')).scripts['build:native'].split(' ')
  if (tool !== 'napi') throw new ScriptError(`${name}: the script build:native has to start with napi`)
  const cli = toolFile('@napi-rs/cli', 'napi', folder)
  await must(`building ${name}`, process.execPath, [cli, ...args, ...options], { cwd: folder })
}

async function requireCargo() {
  const { code, output } = await collect('cargo', ['--version'])
  if (code !== 0) throw new ScriptError(`cargo does not run here: ${output.trim().split('\n')[0]}`)
}

/** Compiles every package, example and test. */
export async function compile() {
  const sources = [...workspaceFolders(), 'tsconfig.json', 'tsconfig.base.json']
  const outputs = ['packages/wal-recorder/dist/index.js', 'packages/wal-recovery/dist/index.js']
  await unlessDone('node_modules/.compiled', fingerprint(sources), outputs, async () => {
    say('Compiling TypeScript …')
    for (const folder of workspaceFolders()) {
      removeOrphans(join(root, folder, 'dist'), join(root, folder, 'src'))
      removeOrphans(join(root, folder, 'test/dist'), join(root, folder, 'test'))
    }
    await must('tsc', process.execPath, [toolFile('typescript', 'tsc'), '--build'])
  })
}

/** Removes what was compiled from sources that are gone, which tsc leaves behind. */
function removeOrphans(outputs, sources) {
  if (!existsSync(outputs) || !existsSync(sources)) return
  for (const path of readdirSync(outputs, { recursive: true })) {
    const stem = /^(.*?)(\.d\.ts|\.js|\.js\.map)$/.exec(path)?.[1]
    const isGone = ending => !existsSync(join(sources, `${stem}${ending}`))
    if (stem !== undefined && ['.ts', '.tsx'].every(isGone)) rmSync(join(outputs, path))
  }
}

/** The script behind the command `binary` of a package that `folder` depends on: started with any Node, without a shell. */
export function toolFile(packageName, binary, folder = root) {
  const home = join(folder, 'node_modules', packageName)
  const { bin } = readJson(join(home, 'package.json'))
  return join(home, typeof bin === 'string' ? bin : bin[binary])
}

/** The folders of the workspace's packages, relative to the root. */
function workspaceFolders() {
  const children = parent =>
    readdirSync(join(root, parent), { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => `${parent}/${entry.name}`)
  return [
    ...['packages', 'examples', 'scripts/opentelemetry'].flatMap(children),
    'bench',
    'scripts/installed',
    'scripts/runtimes',
  ]
}
