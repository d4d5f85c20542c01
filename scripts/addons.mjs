// npm run addons -- TARGET: builds every addon for one of Rust's targets as it is released, into packages/*/native, and
// prints the files. Those for Linux are built on Linux, for glibc 2.17 and for musl with a compiler that zig brings
// (cargo-zigbuild has to be there); those for macOS and Windows on their own system.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { addons, install, napiBuild, releasedTargets } from './bootstrap.mjs'
import { root, run, ScriptError, say } from './lib.mjs'

/** What napi is told beside the target, by the target's last part. */
const HOW = { gnu: ['--use-napi-cross'], musl: ['--cross-compile'] }

await run(async () => {
  const [target] = process.argv.slice(2)
  const targets = releasedTargets()
  if (!targets.includes(target)) throw new ScriptError(`TARGET is one of ${targets.join(', ')}`)
  await install()
  for (const name of addons)
    await napiBuild(name, ['--target', target, ...(HOW[target.split('-').at(-1)] ?? [])])
  for (const name of addons) {
    const folder = join(root, 'packages', name, 'native')
    for (const file of readdirSync(folder)) if (file.endsWith('.node')) say(join(folder, file))
  }
  return 0
})
