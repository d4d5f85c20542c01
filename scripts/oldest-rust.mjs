// node scripts/oldest-rust.mjs: whether the crates compile with the oldest Rust that Cargo.toml promises.
import { join } from 'node:path'
import { oldestRust } from './crates.mjs'
import { collect, root, run } from './lib.mjs'

await run(async () => {
  const version = oldestRust()
  const oldest = `+${version}`
  if ((await collect('cargo', [oldest, '--version'])).code !== 0) {
    console.log(`SKIPPED: there is no Rust ${version} here; rustup toolchain install ${version}`)
    return 0
  }
  const env = { CARGO_TARGET_DIR: join(root, 'target/oldest-rust') }
  const { code } = await collect('cargo', [oldest, 'check', '--locked', '--workspace'], { echo: true, env })
  return code
})
