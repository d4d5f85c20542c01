// What users meet beside the programs: commands, a missing addon, bundlers.
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { readJson } from '../lib.mjs'
import { bundleByEsbuild, bundleByWebpack, byWebpack } from './bundlers.mjs'
import { installed, NAMES, PLATFORM, proves, succeeds } from './setup.mjs'

/** What ES modules made by esbuild lack for packages in CommonJS that ask for Node's modules. */
const WITH_REQUIRE = {
  js: "import { createRequire as requireFrom } from 'node:module'\nconst require = requireFrom(import.meta.url)",
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

test('a command that is bundled runs as the installed one does', async t => {
  const place = await installed(t, { manager: 'npm' })
  const dir = await proves(t, { place }, 'module.mjs')
  const commands = [
    ['@flashstrike/wal-recovery', 'flashstrike-wal', ['verify', dir]],
    ['@flashstrike/wal-recovery', 'flashstrike-wal', ['--version']],
    ['@flashstrike/telemetry', 'flashstrike-telemetry', ['--version']],
  ]
  for (const [owner, name, args] of commands) {
    const outfile = join('out', `${name}.mjs`)
    const entry = `./node_modules/${owner}/bin/${name}.js`
    await bundleByEsbuild(place, entry, outfile, { format: 'esm', banner: WITH_REQUIRE })
    // What follows in the output is how long it took.
    const [expected] = succeeds(t, await place.runCommand(owner, name, args)).split('\n')
    const [found] = succeeds(t, await place.runNode([outfile, ...args])).split('\n')
    t.is(found, expected, `${name} ${args}`)
    t.not(expected, '')
  }
})
