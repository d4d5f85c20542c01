// What `npm run bench` starts when everything but the Rust contestants is built.
import { join } from 'node:path'
import process from 'node:process'
import { PNPM, toolFile } from '../scripts/bootstrap.mjs'
import { answer, collect, must, root, run } from '../scripts/lib.mjs'
import { main } from './dist/main.js'
import { installPeers } from './peers/install.mjs'

await run(async () => {
  const rust = (await collect('rustc', ['--version'])).stdout.trim()
  return main(process.argv, {
    buildNative,
    installPeers: (say, which) => installPeers({ root, pnpm: PNPM, say, ...which }),
    format,
    rust,
  })
})

/** Builds the Rust contestants, as they would be shipped but for these features, and gives the path of the program. */
async function buildNative(features, release) {
  const args = [
    'build',
    ...(release ? ['--release'] : []),
    '--package',
    'flashstrike-bench',
    '--message-format=json-render-diagnostics',
    // Every variant has a folder of its own, so that none is built anew for the other's sake.
    ...(features.length > 0
      ? ['--features', features.join(','), '--target-dir', join(root, 'target', features.join('-'))]
      : []),
  ]
  const output = await answer('building the Rust contestants', 'cargo', args)
  const artifacts = output.split('\n').filter(line => line.startsWith('{"reason":"compiler-artifact"'))
  const program = artifacts.map(line => JSON.parse(line).executable).find(path => path !== null)
  if (program === undefined) throw new Error('cargo has built no program flashstrike-bench')
  return program
}

/** Formats a file that was written as the checks want it. */
async function format(path) {
  const biome = toolFile('@biomejs/biome', 'biome')
  await must('formatting', process.execPath, [biome, 'format', '--write', path])
}
