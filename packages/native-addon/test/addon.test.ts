import { spawnSync } from 'node:child_process'
import { cp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test from 'ava'
import { loadAddon, VERSION } from '#src/index.js'
import { SUPPORTED } from '#src/platform.js'
import {
  built,
  HERE,
  install,
  installPlatform,
  OTHER,
  OWNER,
  Refused,
  refusal,
  wanted,
  write,
} from './installing.js'

test('the addon of the platform’s package is loaded', async t => {
  const { folder, module } = await install(t)
  await installPlatform(folder, HERE)
  t.is(typeof loadAddon<{ open: unknown }>(wanted(module)).open, 'function')
})

test('a bundle finds it through the package, where only that may see the platform’s package', async t => {
  const { folder, owner } = await install(t)
  await installPlatform(owner, HERE)
  t.is(typeof loadAddon<{ open: unknown }>(wanted(join(folder, 'out/bundle.js'))).open, 'function')
})

test('a bundle finds it beside itself', async t => {
  const { folder } = await install(t)
  await cp(await built('wal-recorder'), join(folder, `out/wal-recorder.${HERE}.node`))
  t.is(typeof loadAddon<{ open: unknown }>(wanted(join(folder, 'out/bundle.js'))).open, 'function')
})

test('a missing one is told with platform, package and the way out', async t => {
  const { module } = await install(t)
  const message = refusal(t, module)
  t.true(message.includes(`runs here (${HERE}, Node.js ${process.versions.node})`))
  t.true(message.includes(`the package ${OWNER}-${HERE} ${VERSION} is not installed`))
  t.true(message.includes('npm install --include=optional'))
})

test('where it is missing there is no cause', async t => {
  const { module } = await install(t)
  const error = t.throws(() => loadAddon(wanted(module)), { instanceOf: Refused })
  t.false(Object.hasOwn(error ?? {}, 'cause'))
})

test('a bundle without one is told which file to put beside it', async t => {
  const { folder } = await install(t)
  const message = refusal(t, join(folder, 'out/bundle.js'))
  const file = `wal-recorder.${HERE}.node`
  t.true(message.includes(`${join(folder, 'out', file)} is missing`))
  t.true(message.includes(`Put ${file} of that package beside the bundle`))
})

test('a node_modules from another system is told as one', async t => {
  const { folder, module } = await install(t)
  await installPlatform(folder, OTHER)
  const message = refusal(t, module)
  t.true(message.includes(`${OWNER}-${HERE} ${VERSION} is not installed, only that for ${OTHER}`))
  t.true(message.includes('lockfile'))
})

test('a platform without one is told which have one', async t => {
  const { module } = await install(t)
  const message = refusal(t, module, 'sunos-x64')
  t.true(message.includes('runs here (sunos-x64'))
  for (const platform of SUPPORTED) t.true(message.includes(platform))
  t.true(message.includes('built from source'))
})

test('one that cannot be loaded is told with its file and what the system said', async t => {
  const { folder, module } = await install(t)
  const file = await installPlatform(folder, HERE, { bytes: 'no library' })
  const error = t.throws(() => loadAddon(wanted(module)), { instanceOf: Refused })
  t.true(error?.message.includes(`${file} cannot be loaded: `))
  t.true(error?.message.includes('install again'))
  t.true(error?.cause instanceof Error)
})

test('where Node.js may load no addons, it is told how to allow it', async t => {
  const { folder, module } = await install(t)
  await installPlatform(folder, HERE)
  const loader = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
  const program = `
    import { loadAddon } from ${JSON.stringify(pathToFileURL(loader).href)}
    loadAddon({ packageName: '${OWNER}', from: ${JSON.stringify(pathToFileURL(module).href)}, error: Error })`
  const args = ['--no-addons', '--input-type=module', '--eval', program]
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.regex(
    stderr,
    /cannot be loaded: Cannot load native addon because loading addons is disabled\. Start Node\.js/,
  )
  t.regex(stderr, /--allow-addons/)
})

test('the addon of another package is not taken', async t => {
  const { folder, module } = await install(t)
  const file = await installPlatform(folder, HERE, { from: 'telemetry' })
  t.true(refusal(t, module).includes(`${file} is telemetry ${VERSION}, and not wal-recorder ${VERSION}`))
})

test('an addon of another version is not taken', async t => {
  const { folder, module } = await install(t)
  const file = await installPlatform(folder, HERE, { bytes: '' })
  await rm(file)
  await write(`${file}.js`, 'exports.BUILD = "wal-recorder 0.0.9"; exports.open = () => {}')
  await write(join(dirname(file), 'package.json'), JSON.stringify({ main: `${file}.js` }))
  t.true(refusal(t, module).includes(`is wal-recorder 0.0.9, and not wal-recorder ${VERSION}`))
})

test('anything else is not taken', async t => {
  const { folder, module } = await install(t)
  const file = await installPlatform(folder, HERE, { bytes: '' })
  await rm(file)
  await write(join(dirname(file), 'package.json'), JSON.stringify({ main: 'index.js' }))
  await write(join(dirname(file), 'index.js'), 'exports.open = () => {}')
  t.true(refusal(t, module).includes('is something else'))
})
