import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { collect, readJson } from '../lib.mjs'
import { nodeOf } from '../node-versions.mjs'
import { packAll, tarballs } from '../packing/packages.mjs'
import { bundleByEsbuild, bundleByWebpack, byWebpack } from './bundlers.mjs'
import { publishFolders, publishRelease, startRegistry } from './registry.mjs'
import { standIns } from './stand-ins.mjs'
import { HERE, Place, tool } from './tools.mjs'

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
const isOurs = name => name.startsWith('@flashstrike/')

const own = process.versions.node.split('.')[0]
const installs = await possibleInstalls()
let registry
let packed
let folder
let published

test.before(async () => {
  const given = process.env.FLASHSTRIKE_PACKAGES
  folder = given ?? (await packAll()).folder
  packed = await tarballs(folder)
  registry = await startRegistry(await registryNode())
  published = await publishRelease(registry.address, folder)
  if (given === undefined) await publishFolders(registry.address, await standIns(packed))
})

test.after.always(() => registry?.close())

async function registryNode() {
  return (await nodeOf('24'))?.node ?? process.execPath
}

/** Where a Node of some major does not run, its package manager installs on the Node of this test instead. */
async function possibleInstalls() {
  const possible = new Map()
  for (const [manager, major] of INSTALLS) {
    const node = (await nodeOf(major))?.node
    if (node === undefined) console.warn(`SKIPPED: Node ${major}: no binary that runs here`)
    const actual = node === undefined ? own : major
    possible.set(`${manager} on Node ${actual}`, { manager, node: node ?? process.execPath })
  }
  return possible
}

/** A folder with the packages installed by name. */
async function installed(t, { manager, node = process.execPath, extra = [] }) {
  const place = new Place(node)
  t.teardown(() => place.remove())
  succeeds(t, await place.install(manager, registry.address, [...NAMES, ...extra]))
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

for (const [name, install] of installs) {
  test(`${name} installs what records, survives a kill, recovers and is measured`, async t => {
    const place = await installed(t, install)
    const options = await loaderOptions(place)
    for (const program of ['module.mjs', 'common.cjs', 'worker.mjs'])
      await proves(t, { place, options }, program)
    if (options.length > 0) return
    await bundleByEsbuild(place, 'module.mjs', 'out/external.mjs', { format: 'esm', packages: 'external' })
    await bundleByEsbuild(place, 'module.mjs', 'out/whole.mjs', { format: 'esm' })
    await bundleByEsbuild(place, 'common.cjs', 'out/whole.cjs', { format: 'cjs' })
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
    pathToFileURL(join(folder, '.pnp.loader.mjs')).href,
    '--no-warnings',
  ]
}

/** Names of the packages that publishing says something of, in order. */
function namesIn(output, what = 'published') {
  return [...output.matchAll(/^(@\S+) \S+ (.*)$/gm)].filter(line => line[2] === what).map(line => line[1])
}

test('a release publishes all addons first and each package behind those that it names', t => {
  const order = namesIn(published)
  t.deepEqual([...order].sort(), packed.map(({ name }) => name).sort())
  const lastAddon = order.findLastIndex(name => PLATFORM.test(name))
  t.is(lastAddon + 1, order.filter(name => PLATFORM.test(name)).length)
  for (const { name, dependencies, optionalDependencies } of packed) {
    const others = Object.keys({ ...dependencies, ...optionalDependencies }).filter(isOurs)
    for (const other of others) t.true(order.indexOf(other) < order.indexOf(name), other)
  }
})

test('a release that is started again passes over what is there', async t => {
  const again = await publishRelease(registry.address, folder)
  t.deepEqual(namesIn(again, 'is published'), namesIn(published))
  t.deepEqual(namesIn(again), [])
})

for (const [what, isRefused] of [
  ['an addon', name => name.startsWith('@flashstrike/wal-recorder-')],
  ['a package that users name', name => name === '@flashstrike/wal-recovery'],
]) {
  test(`a release stops where the registry refuses ${what}, and goes on from there`, async t => {
    const order = namesIn(published)
    const at = order.findIndex(isRefused)
    t.true(at > 0 && at < order.length - 1)
    const refused = order[at]
    const release = async options => {
      const { address, close } = await startRegistry(await registryNode(), { name: 'half-way', ...options })
      return publishRelease(address, folder).finally(close)
    }
    const { output } = await t.throwsAsync(release({ refused }))
    t.deepEqual(namesIn(output), order.slice(0, at))
    const again = await release({ goOn: true })
    t.deepEqual(namesIn(again, 'is published'), order.slice(0, at))
    t.deepEqual(namesIn(again), order.slice(at))
  })
}

test('one addon of each package is installed, and the commands run', async t => {
  const place = await installed(t, { manager: 'npm' })
  const home = join(place.folder, 'node_modules/@flashstrike')
  const addons = readdirSync(home).filter(name => PLATFORM.test(name))
  t.is(addons.length, NAMES.length)
  for (const { os, cpu } of addons.map(name => readJson(join(home, name, 'package.json')))) {
    t.deepEqual([os, cpu], [[process.platform], [process.arch]])
  }
  const dir = await proves(t, { place }, 'module.mjs')
  const verified = await place.runCommand('@flashstrike/wal-recovery', 'flashstrike-wal', ['verify', dir])
  t.regex(succeeds(t, verified), /verified|events/)
  const version = await place.runCommand('@flashstrike/telemetry', 'flashstrike-telemetry', ['--version'])
  t.regex(succeeds(t, version), /^\d+\.\d+\.\d+/)
})

test('without optional dependencies there is one error, with the package expected and the way out', async t => {
  const place = await installed(t, { manager: 'npm' })
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

test('what webpack has bundled records, survives a kill, recovers and is measured', async t => {
  const place = await installed(t, { manager: 'npm' })
  for (const [index, name] of Object.keys(byWebpack).entries()) {
    const file = join(`out-${index}`, name)
    t.deepEqual(await bundleByWebpack(place, file), [], name)
    await proves(t, { place }, file)
  }
})

test('a bundle without node_modules takes the addons beside it', async t => {
  const place = await installed(t, { manager: 'npm' })
  await bundleByEsbuild(place, 'module.mjs', 'out/whole.mjs', { format: 'esm' })
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
    const place = await installed(t, { manager: 'pnpm', extra: ['@types/node@20'] })
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2022,esnext.disposable']
    const flags = [...options, '--module', module, '--moduleResolution', resolution, '--types', 'node']
    succeeds(t, await place.runNode([tool('typescript', 'tsc'), ...flags, 'typed.ts']))
  })
}

test('a tarball holds what its users need, and nothing else', async t => {
  for (const { name, file } of packed) {
    const files = succeeds(t, await collect('tar', ['-tzf', file]))
      .trim()
      .split(/\r?\n/)
    const isAddon = PLATFORM.test(name)
    const own = isAddon ? ['THIRD-PARTY-NOTICES.txt'] : ['dist/index.js', 'dist/index.d.ts']
    for (const path of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', ...own])
      t.true(files.includes(`package/${path}`), `${name}: ${path}`)
    const text = 'package\\.json|README\\.md|LICENSE|CHANGELOG\\.md'
    const rest = isAddon ? 'THIRD-PARTY-NOTICES\\.txt|[a-z0-9.-]+\\.node' : '(bin|dist|docs|observability)/.+'
    const ours = new RegExp(`^package/(${text}|${rest})$`)
    const isSource = path => /\.(map|tsbuildinfo|tsx?)$/.test(path.replace(/\.d\.ts$/, ''))
    t.deepEqual(
      files.filter(path => !ours.test(path) || isSource(path)),
      [],
      name,
    )
  }
})

test('every page that a README names is installed, where the README says', async t => {
  const place = await installed(t, { manager: 'npm' })
  const home = join(place.folder, 'node_modules/@flashstrike')
  for (const name of NAMES.map(name => basename(name))) {
    const readme = readFileSync(join(home, name, 'README.md'), 'utf8')
    const [, folder] = /`node_modules\/@flashstrike\/([a-z-]+\/docs)`/.exec(readme) ?? []
    t.truthy(folder, name)
    const pages = new Set(Array.from(readme.matchAll(/docs\/([a-z]+\.md)/g), ([, page]) => page))
    // Measurements are of a machine, and not packed.
    pages.delete('benchmarks.md')
    t.true(pages.size > 0, name)
    for (const page of pages) t.true(existsSync(join(home, folder ?? '', page)), `${name}: ${page}`)
  }
})

test('every relative link of an installed page leads to a file of its package', async t => {
  const place = await installed(t, { manager: 'npm' })
  let links = 0
  for (const name of NAMES) {
    const home = join(place.folder, 'node_modules', name)
    for (const page of readdirSync(home, { recursive: true }).filter(path => path.endsWith('.md'))) {
      const text = readFileSync(join(home, page), 'utf8')
      for (const [, target] of text.matchAll(/(?:\]\(|(?:src|srcset)=")(?![a-z]+:|#)([^)"#\s]+)/g)) {
        links += 1
        const path = join(home, dirname(page), target)
        t.true(path.startsWith(home) && existsSync(path), `${name}/${page}: ${target}`)
      }
    }
  }
  t.true(links > 10, `${links} links`)
})

test('nothing that is packed asks for a source map that is not', async t => {
  for (const { name, file } of packed) {
    const place = new Place(process.execPath)
    t.teardown(() => place.remove())
    succeeds(t, await collect('tar', ['-xzf', file, '-C', place.folder]))
    for (const path of readdirSync(place.folder, { recursive: true })) {
      if (!/\.[cm]?[jt]s$/.test(path)) continue
      const text = readFileSync(join(place.folder, path), 'utf8')
      const [, map] = /^\/\/[#@] sourceMappingURL=(?!data:)(\S+)/m.exec(text) ?? []
      if (map !== undefined) t.true(existsSync(join(place.folder, path, '..', map)), `${name}: ${path}`)
    }
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
