// npm run sanitize: the tests of the crates that are published, under AddressSanitizer. It needs a nightly compiler.
import { join } from 'node:path'
import process from 'node:process'
import { onlyPublished } from './crates.mjs'
import { collect, root, run, ScriptError } from './lib.mjs'
import { HOW, nightlyHost } from './nightly.mjs'
import { countCargo, printSummary } from './summary.mjs'

await run(async () => {
  const host = await nightlyHost()
  if (host === undefined) throw new ScriptError(`it needs a nightly compiler: ${HOW}`)
  const start = performance.now()
  // With a target, the flags are for the tests alone and not for build scripts and macros.
  const args = ['+nightly', 'test', '--target', host, '--no-fail-fast', ...onlyPublished, '--lib', '--tests']
  const env = { RUSTFLAGS: '-Zsanitizer=address', CARGO_TARGET_DIR: join(root, 'target/sanitized') }
  const outcome = await collect('cargo', args, { env })
  const counted = countCargo(outcome)
  if (counted.failed > 0) process.stdout.write(outcome.output)
  return printSummary([{ name: 'AddressSanitizer', ...counted, seconds: (performance.now() - start) / 1000 }])
})
