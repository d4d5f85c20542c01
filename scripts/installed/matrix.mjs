// Every package manager on every Node: what it installs records, survives a kill, recovers and is measured, however a
// program takes it in, and its types are taken by TypeScript.
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { readJson, root } from '../lib.mjs'
import { bundleByEsbuild } from './bundlers.mjs'
import { nodes } from './nodes.mjs'
import { installed, PROGRAMS, proves, succeeds } from './setup.mjs'
import { HERE } from './tools.mjs'

const MANAGERS = ['npm', 'pnpm', 'yarn 1', 'yarn 4']

/** Each way in which TypeScript resolves, and which files it checks so. */
const RESOLUTIONS = [
  { module: 'nodenext', moduleResolution: 'nodenext', files: ['typed.ts', 'typed.mts', 'typed.cts'] },
  { module: 'esnext', moduleResolution: 'bundler', files: ['typed.ts', 'typed.mts'] },
]

const STRICT = {
  strict: true,
  noEmit: true,
  target: 'es2022',
  lib: ['es2022', 'esnext.disposable'],
  types: ['node'],
}

/** What a type check takes beside the packages. */
const TYPES = version => ['@types/node@20', `typescript@${version}`]
const OUR_TYPESCRIPT = readJson(join(HERE, 'node_modules/typescript/package.json')).version

/** What the README promises of TypeScript. */
const README = readFileSync(join(root, 'packages/wal-recorder/README.md'), 'utf8')
const [, OLDEST_TYPESCRIPT] = /TypeScript (\d+\.\d+) or later takes the types/.exec(README)

for (const [label, node] of nodes) {
  for (const manager of MANAGERS) {
    test(`${manager} on Node ${label} installs what records, survives a kill, recovers and is measured`, async t => {
      const place = await installed(t, { manager, node, extra: TYPES(OUR_TYPESCRIPT) })
      const options = await loaderOptions(place)
      await bundleByEsbuild(place, 'module.mjs', 'out/external.mjs', { format: 'esm', packages: 'external' })
      await bundleByEsbuild(place, 'module.mjs', 'out/whole.mjs', { format: 'esm' })
      await bundleByEsbuild(place, 'common.cjs', 'out/whole.cjs', { format: 'cjs' })
      const bundles = ['external.mjs', 'whole.mjs', 'whole.cjs'].map(name => join('out', name))
      for (const program of [...programsFor(manager, label), ...bundles])
        await proves(t, { place, options }, program)
      await typeChecks(t, place, manager)
    })
  }
}

test('the oldest TypeScript that the README names takes the types, but for CommonJS', async t => {
  const place = await installed(t, { extra: TYPES(OLDEST_TYPESCRIPT) })
  const { version } = readJson(join(place.folder, 'node_modules/typescript/package.json'))
  t.true(version.startsWith(`${OLDEST_TYPESCRIPT}.`), version)
  const isModule = name => !name.endsWith('.cts')
  const resolutions = RESOLUTIONS.map(({ files, ...how }) => ({ ...how, files: files.filter(isModule) }))
  await typeChecks(t, place, 'npm', resolutions)
})

/** Has one TypeScript check all of it, which then reads what they share once. */
async function typeChecks(t, place, manager, resolutions = RESOLUTIONS) {
  const names = resolutions.map(({ files, ...resolution }) => {
    const compilerOptions = { ...STRICT, ...resolution }
    const name = `tsconfig.${resolution.moduleResolution}.json`
    place.write(name, JSON.stringify({ compilerOptions, files }))
    return name
  })
  for (const name of ['typed.mts', 'typed.cts'])
    cpSync(join(place.folder, 'typed.ts'), join(place.folder, name))
  succeeds(t, await place.typeCheck(manager, ['--build', ...names]))
}

/** Where Yarn 4 unpacks nothing, `require()` in Node 20 does not ask it for an ES module. */
function programsFor(manager, label) {
  return manager === 'yarn 4' && label === '20' ? PROGRAMS.filter(name => !name.endsWith('.cjs')) : PROGRAMS
}

/** Yarn 4 unpacks nothing, and Node has to be told how to find what it has installed. */
async function loaderOptions({ folder }) {
  if (!existsSync(join(folder, '.pnp.cjs'))) return []
  return [
    '--require',
    join(folder, '.pnp.cjs'),
    '--experimental-loader',
    pathToFileURL(join(folder, '.pnp.loader.mjs')).href,
    '--no-warnings',
  ]
}
