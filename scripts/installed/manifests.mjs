// What the packages say of themselves, and that installing them runs nothing.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { parseMarkdown } from '../docs/markdown.mjs'
import { collect, readJson, root } from '../lib.mjs'
import { installed, NAMES, PLATFORM, release, succeeds } from './setup.mjs'
import { Place } from './tools.mjs'

/** What would make something where a package is installed. */
const COMPILERS = ['cargo', 'rustc', 'cc', 'gcc', 'clang', 'c++', 'make', 'cmake', 'python3', 'node-gyp']
/** Scripts that a package manager runs for a dependency. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall']

/** The platforms in the table of docs/packages.md. */
function promised() {
  const { rows } = parseMarkdown('', readFileSync(join(root, 'docs/packages.md'), 'utf8'))
  return rows.flatMap(
    ({ cells: [first] }) => /^`((?:linux|darwin|win32)-[a-z0-9-]+)`$/.exec(first)?.[1] ?? [],
  )
}

test('a package that users name has an addon for every platform of docs/packages.md, of its own version', t => {
  const platforms = promised()
  t.is(platforms.length, 7)
  for (const { name, version, optionalDependencies } of release.packed) {
    if (!NAMES.includes(name)) continue
    const addons = platforms.map(platform => [`${name}-${platform}`, version])
    t.deepEqual(optionalDependencies, Object.fromEntries(addons))
  }
})

test('an addon’s package says which system, processor and C library it is for', t => {
  const addons = release.packed.filter(({ name }) => PLATFORM.test(name))
  t.true(addons.length >= NAMES.length)
  for (const { name, os, cpu, libc } of addons) {
    const [system, processor, abi] = name.slice(name.search(PLATFORM) + 1).split('-')
    const library = { gnu: ['glibc'], musl: ['musl'] }[abi]
    t.deepEqual({ os, cpu, libc }, { os: [system], cpu: [processor], libc: library }, name)
  }
})

test('an addon’s package says how long its addon is, and which digest it has', async t => {
  for (const { name, file, main, addon } of release.packed.filter(({ name }) => PLATFORM.test(name))) {
    const place = new Place(process.execPath)
    t.teardown(() => place.remove())
    succeeds(t, await collect('tar', ['-xzf', file, '-C', place.folder]))
    const contents = readFileSync(join(place.folder, 'package', main))
    const sha256 = createHash('sha256').update(contents).digest('hex')
    t.deepEqual(addon, { bytes: contents.length, sha256 }, name)
  }
})

test('packages name each other with exactly their version, and where they were made', t => {
  for (const { name, version, repository, publishConfig, ...manifest } of release.packed) {
    const others = Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies })
    for (const [other, wanted] of others.filter(([other]) => other.startsWith('@flashstrike/')))
      t.is(wanted, version, `${name}: ${other}`)
    t.deepEqual(publishConfig, { access: 'public', provenance: true }, name)
    // Provenance is refused unless that is the repository which the workflow runs in.
    t.regex(repository.url, /^git\+https:\/\/github\.com\/[\w-]+\/[\w-]+\.git$/, name)
    const home = repository.url.slice('git+'.length, -'.git'.length)
    t.true(manifest.homepage.startsWith(`${home}/`), name)
    t.is(manifest.bugs, `${home}/issues`, name)
  }
})

test('nothing that is installed has a script to run or sources to compile', async t => {
  const home = join((await installed(t)).folder, 'node_modules')
  const paths = readdirSync(home, { recursive: true })
  t.deepEqual(
    paths.filter(path => basename(path) === 'binding.gyp'),
    [],
  )
  for (const path of paths.filter(path => basename(path) === 'package.json')) {
    const { scripts = {} } = readJson(join(home, path))
    t.deepEqual(
      INSTALL_SCRIPTS.filter(name => name in scripts),
      [],
      path,
    )
  }
})

// Windows looks for commands in its own folders too.
const testOnUnix = process.platform === 'win32' ? test.skip : test
testOnUnix('where they are installed there is no compiler', async t => {
  const place = new Place(process.execPath)
  t.teardown(() => place.remove())
  for (const tool of COMPILERS) t.not((await place.run('sh', ['-c', `command -v ${tool}`])).code, 0, tool)
  t.is((await place.run('sh', ['-c', 'command -v node'])).code, 0)
})
