// What may not be packed is refused: addons that want more of a system than is promised, licences that nobody has
// allowed, packages that have grown.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { collect } from '../lib.mjs'
import { checkAddon, GLIBC_FLOOR } from '../packing/addon-file.mjs'
import { noticesOf } from '../packing/notices.mjs'
import { checkSize } from '../packing/sizes.mjs'

const PLATFORM = { os: 'linux', cpu: process.arch, libc: 'glibc' }
const RELEASE = { release: true }

function place(t) {
  const folder = mkdtempSync(join(tmpdir(), 'flashstrike-packing-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Whether there is what addons are made of and looked at with here; nobody packs for Linux elsewhere. */
const canLink =
  process.platform === 'linux' &&
  ['x64', 'arm64'].includes(process.arch) &&
  (await isHere('cc')) &&
  (await isHere('readelf'))
const testOfAddon = canLink ? test : test.skip
if (!canLink) console.warn('SKIPPED: no compiler of C, or no readelf, to make addons for Linux with')

/** Rust itself is in every addon, and brings the text of its licence. */
const hasRust = await isHere('rustc')
const testWithRust = hasRust ? test : test.skip
if (!hasRust) console.warn('SKIPPED: no Rust, whose licence is among the notices')

function isHere(tool) {
  return collect(tool, ['--version']).then(
    ({ code }) => code === 0,
    () => false,
  )
}

async function compile(t, folder, args) {
  const { code, output } = await collect('cc', ['-shared', '-fPIC', '-nostdlib', ...args], { cwd: folder })
  t.is(code, 0, output)
}

/** An addon that is linked with a library of this name, whose only symbol has this version. */
async function addonWith(t, library, version) {
  const folder = place(t)
  writeFileSync(join(folder, 'library.c'), 'int wanted(void) { return 1; }\n')
  writeFileSync(join(folder, 'addon.c'), 'int wanted(void);\nint given(void) { return wanted(); }\n')
  writeFileSync(join(folder, 'versions'), `${version} { global: wanted; };\n`)
  const named = ['-Wl,-soname', library].join(',')
  const versioned = version === undefined ? [] : ['-Wl,--version-script=versions']
  await compile(t, folder, ['library.c', named, ...versioned, '-o', library])
  await compile(t, folder, ['addon.c', `./${library}`, '-o', 'addon.node'])
  return join(folder, 'addon.node')
}

testOfAddon('an addon that needs no more than is promised is packed', async t => {
  const addon = await addonWith(t, 'libc.so.6', `GLIBC_${GLIBC_FLOOR}`)
  await t.notThrowsAsync(checkAddon(addon, PLATFORM, RELEASE))
})

testOfAddon('an addon for another processor is refused', async t => {
  const addon = await addonWith(t, 'libc.so.6', `GLIBC_${GLIBC_FLOOR}`)
  const cpu = process.arch === 'x64' ? 'arm64' : 'x64'
  await t.throwsAsync(checkAddon(addon, { ...PLATFORM, cpu }, RELEASE), { message: /is not for / })
})

testOfAddon('an addon that needs a library which is not everywhere is refused', async t => {
  const addon = await addonWith(t, 'libforeign.so.1')
  await t.throwsAsync(checkAddon(addon, PLATFORM, { release: false }), {
    message: /needs libforeign\.so\.1$/,
  })
})

testOfAddon('an addon that needs glibc is refused for musl', async t => {
  const addon = await addonWith(t, 'libc.so.6', `GLIBC_${GLIBC_FLOOR}`)
  await t.throwsAsync(checkAddon(addon, { ...PLATFORM, libc: 'musl' }, RELEASE), {
    message: /needs libc\.so\.6$/,
  })
})

testOfAddon('an addon that needs a newer glibc is refused in a release, and there alone', async t => {
  // One that is less if it is compared as text.
  const addon = await addonWith(t, 'libc.so.6', 'GLIBC_2.100')
  await t.throwsAsync(checkAddon(addon, PLATFORM, RELEASE), {
    message: /needs glibc 2\.100, newer than 2\.17$/,
  })
  await t.notThrowsAsync(checkAddon(addon, PLATFORM, { release: false }))
})

testOfAddon('an addon that demands something of glibc without a number is refused in a release', async t => {
  const addon = await addonWith(t, 'libc.so.6', 'GLIBC_ABI_DT_RELR')
  await t.throwsAsync(checkAddon(addon, PLATFORM, RELEASE), { message: /needs GLIBC_ABI_DT_RELR$/ })
})

/** The beginning of a library for macOS, as its linker writes it. */
function machO(cpu) {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32LE(0xfeedfacf, 0)
  bytes.writeUInt32LE(cpu === 'x64' ? 0x01000007 : 0x0100000c, 4)
  return bytes
}

/** The beginning of a library for Windows. */
function portableExecutable(machine) {
  const bytes = Buffer.alloc(256)
  bytes.write('MZ')
  bytes.writeUInt32LE(128, 60)
  bytes.write('PE\0\0', 128, 'latin1')
  bytes.writeUInt16LE(machine, 132)
  return bytes
}

test('an addon for macOS or Windows is refused unless it is for that system and processor', async t => {
  const files = {
    'darwin x64': machO('x64'),
    'darwin arm64': machO('arm64'),
    'win32 x64': portableExecutable(0x8664),
    'linux x64': Buffer.from('\u007fELF'.padEnd(256, '\0'), 'latin1'),
    'win32 arm64': portableExecutable(0xaa64),
    'something short': Buffer.from('MZ'),
    nothing: Buffer.alloc(0),
  }
  for (const wanted of ['darwin x64', 'darwin arm64', 'win32 x64']) {
    const [os, cpu] = wanted.split(' ')
    for (const [name, bytes] of Object.entries(files)) {
      const file = join(place(t), 'addon.node')
      writeFileSync(file, bytes)
      const checked = checkAddon(file, { os, cpu }, RELEASE)
      if (name === wanted) await t.notThrowsAsync(checked, name)
      else await t.throwsAsync(checked, { message: new RegExp(`is not for ${os} on ${cpu}$`) }, name)
    }
  }
})

/** A crate as cargo describes it, with files of its own. */
function crate(t, license, files = {}) {
  const folder = join(place(t), 'crate')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const manifest_path = join(folder, 'Cargo.toml')
  return { name: 'borrowed', version: '1.2.3', license, authors: [], repository: null, manifest_path }
}

test('a crate without a licence, or with one that is not allowed, is refused', async t => {
  for (const license of [null, 'GPL-3.0-only', 'MIT AND GPL-3.0-only']) {
    await t.throwsAsync(noticesOf([crate(t, license, { LICENSE: 'text' })]), {
      message: /^borrowed 1\.2\.3 has the licence .*, which deny\.toml does not allow$/,
    })
  }
})

test('a crate without the text of a licence that has to be passed on is refused', async t => {
  await t.throwsAsync(noticesOf([crate(t, 'Apache-2.0')]), {
    message: 'borrowed has no text of its licence, Apache-2.0',
  })
})

testWithRust('notices have the text of each licence, with the crates that are under it', async t => {
  const one = crate(t, 'Apache-2.0', { LICENSE: 'under these terms' })
  const other = { ...crate(t, 'Apache-2.0', { COPYING: 'under these terms' }), name: 'lent' }
  const text = await noticesOf([one, other])
  t.regex(text, /^borrowed 1\.2\.3, Apache-2\.0, no repository\nlent 1\.2\.3, .*\n\nunder these terms\n/m)
  t.is(text.split('under these terms').length, 2)
})

test('a package that has grown beyond its limit is refused, and so is one without a limit', t => {
  const name = '@flashstrike/wal-recorder-linux-x64-gnu'
  t.notThrows(() => checkSize({ name, bytes: 3 << 20 }))
  t.throws(() => checkSize({ name, bytes: (3 << 20) + 1 }), { message: /more than the 3145728 that it may/ })
  t.throws(() => checkSize({ name: '@flashstrike/new', bytes: 1 }), { message: /has no limit of its size/ })
})
