// npm run fuzz [-- SECONDS]: every fuzz target on its committed corpus, each for so many seconds.
//
// It builds the targets with the flags that cargo-fuzz uses, so that nothing but a nightly compiler has to be there.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { collect, must, retried, root, ScriptError, say } from './lib.mjs'

const FUZZ = 'crates/segment/fuzz'
const FLAGS = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '-Zsanitizer=address',
  '-Ccodegen-units=1',
  '--cfg=fuzzing',
]

/** The names of the targets, as their manifest lists them. */
function targets() {
  const manifest = readFileSync(join(root, FUZZ, 'Cargo.toml'), 'utf8')
  return [...manifest.matchAll(/^\[\[bin\]\]\nname = "(\w+)"/gm)].map(match => match[1])
}

/** The target triple of this machine, or undefined without a nightly compiler. */
async function nightlyHost() {
  const { code, output } = await collect('cargo', ['+nightly', '-vV'])
  return code === 0 ? output.match(/^host: (.*)$/m)?.[1] : undefined
}

/**
 * Runs every target for so many seconds.
 *
 * @returns for each of them whether it found nothing, or undefined where there is no nightly compiler
 */
export async function fuzz(seconds) {
  const host = await nightlyHost()
  if (host === undefined) return undefined
  const fetching = ['+nightly', 'fetch', '--locked', '--target', host]
  await retried(() => must('cargo fetch', 'cargo', fetching, { cwd: join(root, FUZZ) }))
  const build = ['+nightly', 'build', '--release', '--target', host, '--bins']
  const env = { RUSTFLAGS: FLAGS.join(' ') }
  const { code, output } = await collect('cargo', build, { cwd: join(root, FUZZ), env })
  if (code !== 0) throw new ScriptError(`building the fuzz targets failed\n${output.trimEnd()}`)
  const results = []
  for (const name of targets()) {
    results.push({
      name,
      ...(await fuzzOne(join(root, FUZZ, 'target', host, 'release', name), name, seconds)),
    })
  }
  return results
}

async function fuzzOne(binary, name, seconds) {
  // New inputs go to a folder of their own: the committed corpus stays as it is.
  const found = mkdtempSync(join(tmpdir(), `fuzz-${name}-`))
  const args = [found, join(root, FUZZ, 'corpus', name), `-max_total_time=${seconds}`, '-timeout=20']
  const { code, output } = await collect(binary, [...args, `-artifact_prefix=${found}/`])
  if (code === 0) rmSync(found, { recursive: true })
  return { found: code !== 0, output }
}

if (process.argv[1] === join(root, 'scripts/fuzz.mjs')) {
  const results = await fuzz(Number(process.argv[2] ?? 10))
  if (results === undefined)
    throw new ScriptError('fuzzing needs a nightly compiler: rustup toolchain install nightly')
  for (const { name, found, output } of results)
    say(found ? `${name}: FAILED\n${output}` : `${name}: nothing found`)
  process.exitCode = results.some(result => result.found) ? 1 : 0
}
