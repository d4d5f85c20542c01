import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { build } from 'esbuild'
import { collect } from '../lib.mjs'
import { packAll } from '../packing/packages.mjs'
import { publish, startRegistry } from './registry.mjs'
import { standIns } from './stand-ins.mjs'
import { HERE, nodeOf, Place, tool } from './tools.mjs'

const NAMES = ['@flashstrike/wal-recorder', '@flashstrike/wal-recovery', '@flashstrike/telemetry']
/** Which package manager installs on which Node: npm on each, the others on an old and a new one. */
const INSTALLS = [
  ['npm', '20'],
  ['npm', '22'],
  ['npm', '24'],
  ['npm', '26'],
  ['pnpm', '20'],
  ['pnpm', '24'],
  ['yarn 1', '22'],
  ['yarn 4', '26'],
]
/** Of a package that holds an addon. */
const PLATFORM = /-(linux|darwin|win32)-/

let registry
let packed

test.before(async () => {
  packed = (await packAll()).packed
  registry = await startRegistry((await nodeOf('24')) ?? process.execPath)
  const files = packed.map(({ file }) => file)
  await publish(registry.address, [...files, ...(await standIns(packed))], tool('npm', 'npm'))
})

test.after.always(() => registry?.close())

/** A folder with the packages installed by name; undefined, and said so, where there is no such Node. */
async function installed(t, manager, major, extra = []) {
  const node = await nodeOf(major)
  if (node === undefined) {
    if (process.env.CI) t.fail(`no Node ${major}`)
    console.warn(`SKIPPED: ${manager} on Node ${major}: no binary that runs here`)
    return undefined
  }
  const place = new Place(node)
  t.teardown(() => place.remove())
  succeeds(t, await place.install(manager, registry.address, [...NAMES, ...extra]))
  mkdirSync(place.folder, { recursive: true })
  cpSync(join(HERE, 'programs'), place.folder, { recursive: true })
  return place
}

function succeeds(t, { code, output }) {
  t.is(code, 0, output)
  return output
}

/** Runs a program that records, is killed, recovers and reads metrics; gives the folder of its log. */
async function proves(t, { place, options = [] }, program) {
  const output = succeeds(t, await place.runNode([...options, program]))
  const [, found] = /^proven: (.*)$/m.exec(output) ?? []
  t.truthy(found, `${program}: ${output}`)
  return JSON.parse(found ?? '{}').dir
}

async function bundle(place, entry, outfile, options) {
  const from = join(place.folder, entry)
  const to = join(place.folder, outfile)
  await build({
    entryPoints: [from],
    outfile: to,
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
    ...options,
  })
}

for (const [manager, major] of INSTALLS) {
  test(`${manager} on Node ${major} installs what records, survives a kill, recovers and is measured`, async t => {
    const place = await installed(t, manager, major)
    if (place === undefined) return
    const options = await loaderOptions(place)
    for (const program of ['module.mjs', 'common.cjs', 'worker.mjs'])
      await proves(t, { place, options }, program)
    if (options.length > 0) return
    await bundle(place, 'module.mjs', 'out/external.mjs', { format: 'esm', packages: 'external' })
    await bundle(place, 'module.mjs', 'out/whole.mjs', { format: 'esm' })
    await bundle(place, 'common.cjs', 'out/whole.cjs', { format: 'cjs' })
    for (const program of ['external.mjs', 'whole.mjs', 'whole.cjs'])
      await proves(t, { place }, join('out', program))
  })
}

/** Yarn 4 unpacks nothing, and Node has to be told how to find what it has installed. */
async function loaderOptions({ folder }) {
  if (!existsSync(join(folder, '.pnp.cjs'))) return []
  return [
    '--require',
    join(folder, '.pnp.cjs'),
    '--experimental-loader',
    join(folder, '.pnp.loader.mjs'),
    '--no-warnings',
  ]
}

test('one addon of each package is installed, and the commands run', async t => {
  const place = await installed(t, 'npm', process.versions.node.split('.')[0])
  if (place === undefined) return
  const home = join(place.folder, 'node_modules/@flashstrike')
  const addons = readdirSync(home).filter(name => PLATFORM.test(name))
  t.deepEqual(
    addons.map(name => `@flashstrike/${name}`).sort(),
    packed
      .map(({ name }) => name)
      .filter(name => PLATFORM.test(name))
      .sort(),
  )
  const dir = await proves(t, { place }, 'module.mjs')
  const command = name => join(place.folder, 'node_modules/.bin', name)
  t.regex(succeeds(t, await place.run(command('flashstrike-wal'), ['verify', dir])), /verified|events/)
  t.regex(succeeds(t, await place.run(command('flashstrike-telemetry'), ['--version'])), /^\d+\.\d+\.\d+/)
})

test('without optional dependencies there is one error, with the package expected and the way out', async t => {
  const place = await installed(t, 'npm', process.versions.node.split('.')[0])
  if (place === undefined) return
  const home = join(place.folder, 'node_modules/@flashstrike')
  for (const name of readdirSync(home).filter(name => PLATFORM.test(name)))
    rmSync(join(home, name), { recursive: true })
  const program = `
    const { Recorder } = await import('@flashstrike/wal-recorder')
    await Recorder.open({ dir: './none' }).catch(({ code, message }) => console.log(code, message))`
  const output = succeeds(t, await place.runNode(['--input-type=module', '--eval', program]))
  t.regex(output, /^WAL_UNSUPPORTED @flashstrike\/wal-recorder has no native addon/)
  t.regex(output, /the package @flashstrike\/wal-recorder-\S+ [0-9.]+ is not installed.*--include=optional/)
  t.false(existsSync(join(place.folder, 'none')))
})

test('a bundle without node_modules takes the addons beside it', async t => {
  const place = await installed(t, 'npm', process.versions.node.split('.')[0])
  if (place === undefined) return
  await bundle(place, 'module.mjs', 'out/whole.mjs', { format: 'esm' })
  const home = join(place.folder, 'node_modules/@flashstrike')
  for (const name of readdirSync(home).filter(name => PLATFORM.test(name))) {
    const file = readdirSync(join(home, name)).find(file => file.endsWith('.node'))
    cpSync(join(home, name, file), join(place.folder, 'out', basename(file)))
  }
  rmSync(join(place.folder, 'node_modules'), { recursive: true })
  await proves(t, { place }, join('out/whole.mjs'))
})

for (const [module, resolution] of [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
]) {
  test(`TypeScript takes the types under module ${module} and resolution ${resolution}`, async t => {
    const place = await installed(t, 'pnpm', process.versions.node.split('.')[0], ['@types/node@20'])
    if (place === undefined) return
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2022,esnext.disposable']
    const flags = [...options, '--module', module, '--moduleResolution', resolution, '--types', 'node']
    succeeds(t, await place.runNode([tool('typescript', 'tsc'), ...flags, 'typed.ts']))
  })
}

test('a tarball holds what its users need, and nothing else', async t => {
  for (const { name, file } of packed) {
    const files = succeeds(t, await collect('tar', ['-tzf', file]))
      .trim()
      .split('\n')
    const has = path => t.true(files.includes(`package/${path}`), `${name}: ${path}`)
    for (const path of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) has(path)
    if (PLATFORM.test(name)) has('THIRD-PARTY-NOTICES.txt')
    else for (const path of ['dist/index.js', 'dist/index.d.ts']) has(path)
    const ours = /^package\/([^/]+|(bin|dist|observability)\/.*)$/
    t.deepEqual(
      files.filter(path => !ours.test(path) || /\.(map|tsbuildinfo|ts)$/.test(path.replace(/\.d\.ts$/, ''))),
      [],
      name,
    )
  }
})

test('publint and attw find nothing wrong with them', async t => {
  for (const { name, file } of packed) {
    succeeds(t, await collect(process.execPath, [tool('publint', 'publint'), 'run', file, '--strict']))
    if (PLATFORM.test(name)) continue
    const attw = [tool('@arethetypeswrong/cli', 'attw'), '--profile', 'esm-only', file]
    succeeds(t, await collect(process.execPath, attw))
  }
})
