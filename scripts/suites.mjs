// The lints and test suites, each reporting how much passed and failed.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { toolFile } from './bootstrap.mjs'
import { onlyPublished } from './crates.mjs'
import { endOf, panicOf } from './failures.mjs'
import { fuzz } from './fuzzing.mjs'
import { collect, root, ScriptError, say } from './lib.mjs'
import { MAJORS, nodeOf } from './node-versions.mjs'
import { fingerprint } from './stamps.mjs'
import { countAva, countCargo, countLint } from './summary.mjs'

/** Enough for every input of the corpus and some thousands of new ones. */
const FUZZ_SECONDS = 5

/** A suite that takes longer hangs, on a machine many times slower than most too. */
const LIMIT_MS = 80 * 60_000

/** The packages with tests of their own. */
const tested = [
  'packages/native-addon',
  'packages/wal-recovery',
  'packages/wal-recorder',
  'packages/telemetry',
  'examples/order-flow',
  'examples/matching-engine',
  'examples/order-gateway',
  'examples/risk-process',
  'examples/recorder-in-worker',
  'examples/metrics',
]

/** Runs every lint; one that fails does not keep the others from running. */
export async function runLints() {
  const biome = toolFile('@biomejs/biome', 'biome')
  const lints = [
    ['cargo fmt', 'cargo', ['fmt', '--all', '--check']],
    ['cargo clippy', 'cargo', ['clippy', '--workspace', '--all-targets', '--', '-D', 'warnings']],
    ['targets', process.execPath, [script('targets')]],
    ['oldest Rust', process.execPath, [script('oldest-rust')]],
    ['cargo doc', 'cargo', ['doc', '--workspace', '--no-deps'], { RUSTDOCFLAGS: '-D warnings' }],
    ['cargo publish', 'cargo', publishing()],
    ['typedoc', process.execPath, [toolFile('typedoc', 'typedoc')]],
    ['biome', process.execPath, [biome, 'check', '--error-on-warnings', '.']],
    ['versions', process.execPath, [script('versions')]],
    ['documentation', process.execPath, [script('check-docs')]],
    ['tsc', process.execPath, [toolFile('typescript', 'tsc'), '--build']],
    ['workflows', process.execPath, [script('workflows')]],
    ['cargo deny', process.execPath, [script('deny')]],
  ]
  const results = []
  for (const [name, command, args, env] of lints) {
    results.push(await suite(name, command, args, { env }, countLint))
  }
  return results
}

function script(name) {
  return join(root, 'scripts', `${name}.mjs`)
}

/**
 * Publishes the crates in order, all but uploading them: each is built from what would be uploaded. Cargo unpacks that under
 * the name of the target folder, once for all times: it takes another folder to see sources that have changed under the same
 * version.
 */
function publishing() {
  const folder = join(root, 'target/package')
  rmSync(folder, { recursive: true, force: true })
  const print = fingerprint(['crates', 'Cargo.toml', 'Cargo.lock']).slice(0, 16)
  return [
    'publish',
    '--dry-run',
    ...onlyPublished,
    '--allow-dirty',
    '--locked',
    '--target-dir',
    join(folder, print),
  ]
}

/** Every benchmark for a blink, without the other software that some compare with: whether they run, not how fast. */
export async function runBenchmarks() {
  if (process.platform !== 'linux') return passedOver('benchmarks', 'they ask Linux what it counts')
  const args = [join(root, 'bench/run.mjs'), '--smoke', '--no-peers']
  return suite('benchmarks', process.execPath, args, {}, countLint)
}

/** Runs every test suite, all of them even if one fails. */
export async function runTests() {
  const cargo = ['test', '--workspace', '--no-fail-fast', '--', '--show-output']
  const results = [await suite('cargo test', 'cargo', cargo, {}, countCargo), await orderings()]
  for (const { label, node } of await runtimes()) {
    if (node === undefined) results.push(passedOver(`Node ${label}`, 'no binary of it runs here'))
    else results.push(...(await runPackages(label, node)))
  }
  results.push(await runInstalled())
  return results
}

/** The tests of every package, on one Node. */
async function runPackages(label, node) {
  const results = []
  for (const folder of tested) {
    const name = `${folder} · Node ${label}`
    const cwd = join(root, folder)
    results.push(await suite(name, node, [toolFile('ava', 'ava', cwd)], { cwd }, countAva))
  }
  return results
}

/** Packs the packages, or takes those of a folder, installs them as a user does, and runs programs with them. */
export function runInstalled(packages) {
  const cwd = join(root, 'scripts/installed')
  const env = packages === undefined ? {} : { FLASHSTRIKE_PACKAGES: packages }
  return suite('installed packages', process.execPath, [toolFile('ava', 'ava', cwd)], { cwd, env }, countAva)
}

/** The models of memory orderings. The flag rebuilds everything, so they have a target folder of their own. */
function orderings() {
  const packages = ['--package', 'flashstrike-telemetry', '--package', 'flashstrike-recorder']
  const tests = ['loom_snapshot', 'loom_undurable', 'loom_publication'].flatMap(name => ['--test', name])
  const loom = ['test', ...packages, '--release', ...tests]
  const env = { RUSTFLAGS: '--cfg loom', CARGO_TARGET_DIR: join(root, 'target/loom') }
  return suite('loom', 'cargo', loom, { env }, countCargo)
}

/** Every fuzz target for a few seconds on its committed corpus. */
export async function runFuzz() {
  say('› fuzz')
  const start = performance.now()
  const count = async () => {
    const results = await fuzz(FUZZ_SECONDS)
    if (results === undefined) {
      return { passed: 0, failed: 0, skipped: ['no nightly compiler to fuzz with'], failures: [] }
    }
    const failed = results.filter(result => result.found)
    for (const { output } of failed) process.stdout.write(`${output.trimEnd()}\n`)
    const failures = failed.map(({ name, output }) => ({
      name,
      says: [...panicOf(output.split('\n')), ...endOf(output).says],
    }))
    return { passed: results.length - failed.length, failed: failed.length, skipped: [], failures }
  }
  const counted = await count().catch(notRun)
  return { name: 'fuzz', ...counted, seconds: (performance.now() - start) / 1000 }
}

/** This Node and the other supported majors; one that does not run on this machine has no `node`. */
async function runtimes() {
  const own = process.versions.node
  const others = MAJORS.filter(major => !own.startsWith(`${major}.`)).map(async major => {
    const found = await nodeOf(major)
    return { label: found?.version ?? major, node: found?.node }
  })
  return [{ label: own, node: process.execPath }, ...(await Promise.all(others))]
}

/** Runs one suite: a line when it starts, its whole output when it fails. */
async function suite(name, command, args, options, count) {
  say(`› ${name}`)
  const start = performance.now()
  const counted = await collect(command, args, { ...options, limitMs: LIMIT_MS }).then(outcome => {
    const counted = count(outcome)
    if (counted.failed > 0) process.stdout.write(`${outcome.output.trimEnd()}\n`)
    return counted
  }, notRun)
  return { name, ...counted, seconds: (performance.now() - start) / 1000 }
}

/** A suite that this machine cannot run. */
function passedOver(name, why) {
  return { name, passed: 0, failed: 0, skipped: [why], failures: [], seconds: 0 }
}

/** A suite that could not be run has failed, and does not keep the others from running. */
function notRun(error) {
  const why = error instanceof ScriptError ? error.message : String(error?.stack ?? error)
  say(why)
  const [name, ...says] = why.split('\n')
  return { passed: 0, failed: 1, skipped: [], failures: [{ name, says, isEnd: true }] }
}
