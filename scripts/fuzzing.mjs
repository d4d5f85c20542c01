// Fuzzing. The targets are built with the flags that cargo-fuzz uses, so that nothing but a nightly compiler has to be there.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect, must, retried, root, ScriptError } from './lib.mjs'
import { nightlyHost } from './nightly.mjs'

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

/** An input takes milliseconds; one that takes longer than this hangs, on a slow, busy machine too. */
const HANGS_SECONDS = 300

/** The names of the targets, as their manifest lists them. */
function targets() {
  const manifest = readFileSync(join(root, FUZZ, 'Cargo.toml'), 'utf8')
  return [...manifest.matchAll(/^\[\[bin\]\]\nname = "(\w+)"/gm)].map(match => match[1])
}

/**
 * Runs every target for so many seconds, on its committed corpus.
 *
 * @returns for each of them whether it found nothing, or undefined where there is no nightly compiler
 */
export async function fuzz(seconds) {
  const host = await nightlyHost()
  if (host === undefined) return undefined
  const fetching = ['+nightly', 'fetch', '--locked', '--target', host]
  await retried(() => must('cargo fetch', 'cargo', fetching, { cwd: join(root, FUZZ) }))
  const build = ['+nightly', 'build', '--release', '--target', host, '--bins']
  const target = join(root, FUZZ, 'target')
  const env = { RUSTFLAGS: FLAGS.join(' '), CARGO_TARGET_DIR: target }
  const { code, output } = await collect('cargo', build, { cwd: join(root, FUZZ), env })
  if (code !== 0) throw new ScriptError(`building the fuzz targets failed\n${output.trimEnd()}`)
  const built = join(target, host, 'release')
  const results = []
  for (const name of targets()) results.push(await fuzzOne(built, name, seconds))
  return results
}

async function fuzzOne(built, name, seconds) {
  // New inputs go to a folder of their own: the committed corpus stays as it is.
  const found = mkdtempSync(join(tmpdir(), `fuzz-${name}-`))
  const limits = [`-max_total_time=${seconds}`, `-timeout=${HANGS_SECONDS}`]
  const args = [found, join(root, FUZZ, 'corpus', name), ...limits]
  const { code, output } = await collect(join(built, name), [...args, `-artifact_prefix=${found}/`])
  if (code === 0) rmSync(found, { recursive: true })
  return { name, found: code !== 0, output }
}
