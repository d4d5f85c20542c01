// What is in the packages, and that it leads nowhere else.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { collect, root } from '../lib.mjs'
import { LINK } from '../packing/pages.mjs'
import { installed, NAMES, PLATFORM, release, succeeds } from './setup.mjs'
import { Place, tool } from './tools.mjs'

test('a tarball holds what its users need, and nothing else', async t => {
  for (const { name, file } of release.packed) {
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
      for (const [, , target] of text.matchAll(LINK)) {
        links += 1
        const path = join(home, dirname(page), target)
        t.true(path.startsWith(home) && existsSync(path), `${name}/${page}: ${target}`)
      }
    }
  }
  t.true(links > 10, `${links} links`)
})

test('nothing that is packed asks for a source map that is not', async t => {
  for (const { name, file } of release.packed) {
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
  for (const { name, file } of release.packed) {
    succeeds(t, await collect(process.execPath, [tool('publint', 'publint'), 'run', file, '--strict']))
    if (PLATFORM.test(name)) continue
    const attw = [tool('@arethetypeswrong/cli', 'attw'), '--profile', 'esm-only', file]
    succeeds(t, await collect(process.execPath, attw))
  }
})

/** Sums as docs/packages.md gives them are rounded, and compilers differ a little. */
const WITHIN = 0.12

// It says so of those for Linux on x64.
const testOnThat = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip
testOnThat('docs/packages.md says how large the packages are', async t => {
  const page = readFileSync(join(root, 'docs/packages.md'), 'utf8')
  const said = /take ([\d.]+) MiB to download and ([\d.]+) MiB on disk, and ([\d.]+) MiB with/.exec(page)
  const [download, onDisk, withAll] = (said ?? []).slice(1).map(Number)
  const place = await installed(t)
  const home = join(place.folder, 'node_modules')
  const ours = release.packed.filter(({ name }) => existsSync(join(home, name)))
  t.is(ours.length, NAMES.length * 2 + 1)
  const isNear = (figure, bytes, what) => {
    const mib = bytes / (1 << 20)
    t.true(Math.abs(mib - figure) <= figure * WITHIN, `${what}: ${mib.toFixed(2)} MiB, not ${figure}`)
  }
  isNear(download, sum(ours.map(({ file }) => statSync(file).size)), 'to download')
  isNear(onDisk, bytesIn(join(home, '@flashstrike')), 'on disk')
  isNear(withAll, bytesIn(home), 'with everything')
})

function bytesIn(folder) {
  const files = readdirSync(folder, { recursive: true }).map(path => statSync(join(folder, path)))
  return sum(files.filter(stat => stat.isFile()).map(({ size }) => size))
}

function sum(numbers) {
  return numbers.reduce((total, n) => total + n, 0)
}
