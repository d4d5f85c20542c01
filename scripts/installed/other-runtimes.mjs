// The same programs in Bun and Deno, where their binaries run.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { isHere } from '../docs/world.mjs'
import { readJson, root } from '../lib.mjs'
import { installed, PROGRAMS, proves } from './setup.mjs'

const BINARIES = join(root, 'scripts/runtimes/node_modules')
const RUNTIMES = [
  { name: 'Bun', package: '@oven/bun-linux-x64', file: 'bin/bun', options: [] },
  { name: 'Deno', package: '@deno/linux-x64-glibc', file: 'deno', options: ['run', '--allow-all'] },
]

for (const { name, package: from, file, options } of RUNTIMES) {
  const binary = join(BINARIES, from, file)
  if (!isHere(binary)) {
    console.warn(`SKIPPED: ${name}: no binary that runs here`)
    continue
  }
  test(`${name} records with what is installed, survives a kill, recovers and is measured`, async t => {
    const { version } = readJson(join(BINARIES, from, 'package.json'))
    const page = readFileSync(join(root, 'docs/packages.md'), 'utf8')
    t.true(page.includes(`${name} ${version}`), `docs/packages.md does not speak of ${name} ${version}`)
    const place = await installed(t)
    place.node = binary
    for (const program of PROGRAMS) await proves(t, { place, options }, program)
  })
}
