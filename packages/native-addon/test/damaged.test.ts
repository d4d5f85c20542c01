import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import test, { type ExecutionContext } from 'ava'
import { loadAddon } from '#src/index.js'
import { built, HERE, install, installPlatform, Refused, refusal, wanted, write } from './installing.js'

/** Installs a platform's package as it was packed, with these bytes in place of the addon's. */
async function installChanged(t: ExecutionContext, change: (whole: Buffer) => Buffer) {
  const place = await install(t)
  const packed = await readFile(await built('wal-recorder'))
  const addon = { bytes: packed.length, sha256: createHash('sha256').update(packed).digest('hex') }
  const file = await installPlatform(place.folder, HERE, { bytes: change(packed), addon })
  return { ...place, file, packed }
}

test('one that is as it was packed is loaded', async t => {
  const { module } = await installChanged(t, whole => whole)
  t.is(typeof loadAddon<{ open: unknown }>(wanted(module)).open, 'function')
})

// Loaded, each of the following ends the process by a signal, or fails where it is used.
for (const bytes of [0, 300_000]) {
  test(`one cut to ${bytes} bytes is told with both lengths, and not loaded`, async t => {
    const { module, file, packed } = await installChanged(t, whole => whole.subarray(0, bytes))
    const message = refusal(t, module)
    t.true(message.includes(`${file} is damaged: it has ${bytes} bytes, and not ${packed.length}`))
    t.true(message.includes('install again'))
  })
}

test('one that lacks its last page is not loaded', async t => {
  const { module, packed } = await installChanged(t, whole => whole.subarray(0, -4096))
  t.true(refusal(t, module).includes(`it has ${packed.length - 4096} bytes, and not ${packed.length}`))
})

test('one whose second half is zeros is not loaded', async t => {
  const { module, file } = await installChanged(t, whole => whole.fill(0, whole.length >> 1))
  const message = refusal(t, module)
  t.true(message.includes(`${file} is damaged: its contents are not those that were packed`))
  t.true(message.includes('install again'))
})

test('a package without its addon is told as one', async t => {
  const { module, file } = await installChanged(t, whole => whole)
  await rm(file)
  const message = refusal(t, module)
  t.true(message.includes(`${file} is missing, although its package is installed`))
  t.true(message.includes('install again'))
})

for (const text of ['', '{ "main": "wal-rec', '\0\0\0\0']) {
  test(`a package.json with ${JSON.stringify(text)} in it is told as damaged`, async t => {
    const { module, file } = await installChanged(t, whole => whole)
    const manifest = join(dirname(file), 'package.json')
    await write(manifest, text)
    const message = refusal(t, module)
    t.true(message.includes(`${manifest} is damaged: `))
    t.true(message.includes('install again'))
  })
}

test('a folder in place of the addon is told as one', async t => {
  const { module, file } = await installChanged(t, whole => whole)
  await rm(file)
  await mkdir(file)
  t.true(refusal(t, module).includes(`${file} is not a file`))
})

// The superuser reads everything, and Windows has other rights.
const testOfRights = process.platform === 'win32' || process.geteuid?.() === 0 ? test.skip : test
testOfRights(
  'one that may not be read is told with what the system said, and not to install again',
  async t => {
    const { module, file } = await installChanged(t, whole => whole)
    await chmod(file, 0)
    const error = t.throws(() => loadAddon(wanted(module)), { instanceOf: Refused })
    t.regex(error?.message ?? '', /cannot be read: EACCES.*right to read it/)
    t.false(error?.message.includes('install again'))
    t.true(error?.cause instanceof Error)
  },
)
