// Whether a built addon is of the platform that it is packed for, and runs on systems as old as promised.
import { readFileSync } from 'node:fs'
import { must, ScriptError } from '../lib.mjs'

/** The oldest glibc that released addons run with: what napi's toolchain for them has; Node.js itself asks for a newer one. */
export const GLIBC_FLOOR = '2.17'

/** What `readelf` calls the processors. */
const MACHINES = { x64: /X86-64/, arm64: /AArch64/ }

/** Libraries that are there wherever Node.js runs. */
const SYSTEM = {
  glibc: /^(lib(c|m|dl|rt|pthread)\.so\.\d+|libgcc_s\.so\.1|ld-linux-.*)$/,
  musl: /^(libc\.so|libc\.musl-.*\.so\.1|libgcc_s\.so\.1)$/,
}

/** How the other systems' files name them, by the file's first bytes. */
const OTHERS = { darwin: isMachO, win32: isPortableExecutable }

/**
 * Checks an addon: for Linux with `readelf`, which every C compiler there comes with, and otherwise only which system and
 * processor it is for; what it needs is seen where it is loaded, which is in the tests on its own system.
 */
export async function checkAddon(file, { os, cpu, libc }, { release }) {
  if (os !== 'linux') {
    if (!OTHERS[os](readFileSync(file), cpu)) throw new ScriptError(`${file} is not for ${os} on ${cpu}`)
    return
  }
  const header = await readelf('--file-header', file)
  if (!MACHINES[cpu].test(header)) throw new ScriptError(`${file} is not for ${cpu}`)
  const dynamic = await readelf('--dynamic', file)
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(match => match[1])
  const foreign = needed.filter(name => !SYSTEM[libc].test(name))
  if (foreign.length > 0) throw new ScriptError(`${file} needs ${foreign.join(', ')}`)
  if (libc !== 'glibc' || !release) return
  const versions = (await readelf('--version-info', file)).matchAll(/\bGLIBC_(\w[\w.]*)/g)
  const names = [...versions].map(match => match[1])
  // `GLIBC_ABI_DT_RELR` is a demand without a number, of glibc 2.36.
  const unnumbered = names.find(name => !/^\d+(\.\d+)+$/.test(name))
  if (unnumbered !== undefined) throw new ScriptError(`${file} needs GLIBC_${unnumbered}`)
  const newest = names.sort(byVersion).at(-1)
  if (newest !== undefined && byVersion(newest, GLIBC_FLOOR) > 0) {
    throw new ScriptError(`${file} needs glibc ${newest}, newer than ${GLIBC_FLOOR}`)
  }
}

function readelf(option, file) {
  return must('readelf', 'readelf', ['--wide', option, file], { env: { LC_ALL: 'C' } })
}

function byVersion(one, other) {
  return one.localeCompare(other, 'en', { numeric: true })
}

/** Of 64 bits, for one processor. */
function isMachO(bytes, cpu) {
  const types = { x64: 0x01000007, arm64: 0x0100000c }
  return bytes.length > 8 && bytes.readUInt32LE(0) === 0xfeedfacf && bytes.readUInt32LE(4) === types[cpu]
}

function isPortableExecutable(bytes, cpu) {
  const machines = { x64: 0x8664, arm64: 0xaa64 }
  if (bytes.length < 64 || bytes.toString('latin1', 0, 2) !== 'MZ') return false
  const header = bytes.readUInt32LE(60)
  const isWhole = header + 6 <= bytes.length && bytes.toString('latin1', header, header + 4) === 'PE\0\0'
  return isWhole && bytes.readUInt16LE(header + 4) === machines[cpu]
}
