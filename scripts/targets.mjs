// node scripts/targets.mjs [--all | TARGET…]: whether what ships compiles for other platforms, with clippy's warnings denied.
// Nothing is built: Rust is type-checked, and what C there is (zstd) is left to the release, which builds for each target.
// Without arguments the three that have the most code of their own; `--all` is every target of a release.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { releasedTargets } from './bootstrap.mjs'
import { addonCrates, onlyPublished } from './crates.mjs'
import { answer, collect, root, run, say } from './lib.mjs'

/** One for each operating system, C library and kind of processor that this machine does not check anyway. */
const FEW = ['aarch64-unknown-linux-musl', 'aarch64-apple-darwin', 'x86_64-pc-windows-msvc']

/** The addons, beside the crates that are published. Tests use what is of one system. */
const ADDONS = Object.values(addonCrates).flatMap(name => ['--package', name])

/** Compilers and archivers of C, which are asked for nothing that is used, and an addon's flags. */
function environment(targets) {
  const nothing = join(root, 'scripts/targets/cc.sh')
  const env = { CARGO_TARGET_DIR: join(root, 'target/targets'), CARGO_INCREMENTAL: '0' }
  for (const target of targets) {
    const name = target.replaceAll('-', '_')
    Object.assign(env, { [`CC_${name}`]: nothing, [`AR_${name}`]: nothing })
    // A library that is loaded cannot bring its C library with it.
    if (target.endsWith('musl')) {
      env[`CARGO_TARGET_${name.toUpperCase()}_RUSTFLAGS`] = '-C target-feature=-crt-static'
    }
  }
  return env
}

await run(async () => {
  const named = process.argv.slice(2)
  const wanted = named.includes('--all') ? releasedTargets() : named.length > 0 ? named : FEW
  const sysroot = (await answer('rustc', 'rustc', ['--print', 'sysroot'])).trim()
  const isThere = target => existsSync(join(sysroot, 'lib/rustlib', target, 'lib'))
  for (const target of wanted.filter(target => !isThere(target))) {
    console.log(`SKIPPED: ${target}: no standard library for it here; rustup target add ${target}`)
  }
  const targets = wanted.filter(isThere)
  if (targets.length === 0) return 0
  const start = performance.now()
  const chosen = targets.flatMap(target => ['--target', target])
  const args = ['clippy', ...onlyPublished, ...ADDONS, ...chosen, '--', '-D', 'warnings']
  const { code } = await collect('cargo', args, { echo: true, env: environment(targets) })
  if (code === 0) say(`${targets.join(', ')}: ${((performance.now() - start) / 1000).toFixed(0)} s`)
  return code
})
