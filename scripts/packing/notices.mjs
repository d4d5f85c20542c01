// The licences of the crates that are compiled into an addon, as their authors ask for.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { addonCrates } from '../crates.mjs'
import { answer, ScriptError } from '../lib.mjs'
import { checkLicence } from './licences.mjs'

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i

/** The text for one addon and platform: each crate once, each wording of a licence once. */
export async function thirdPartyNotices(addon, { target }) {
  const names = await compiledIn(addonCrates[addon], target)
  const packages = await cratesOfWorkspace()
  const unknown = names.find(name => !packages.has(name))
  if (unknown !== undefined) throw new ScriptError(`cargo knows no sources of ${unknown}`)
  return noticesOf(names.map(name => packages.get(name)))
}

/** The text for crates as cargo describes them; throws where one may not be compiled into what is released. */
export async function noticesOf(crates) {
  const texts = new Map()
  const add = (label, text) => texts.set(text, [...(texts.get(text) ?? []), label])
  for (const crate of crates) {
    await checkLicence(crate)
    const label = `${crate.name} ${crate.version}, ${crate.license}, ${crate.repository ?? 'no repository'}`
    for (const text of await licencesOf(crate)) add(label, text)
  }
  add(
    'the standard library of Rust, MIT OR Apache-2.0, https://github.com/rust-lang/rust',
    await mitOf('the Rust Project'),
  )
  const parts = [...texts].map(([text, labels]) => `${labels.join('\n')}\n\n${text}\n`)
  const line = '-'.repeat(80)
  return `Software that is compiled into this addon, and its licences.\n\n${line}\n${parts.join(`\n${line}\n`)}`
}

/** `NAME VERSION` of everything that ends up in the addon: no build tools, no macros, none of our own. */
async function compiledIn(crate, target) {
  const shape = ['--edges', 'normal,no-proc-macro', '--prefix', 'none', '--no-dedupe', '--format', '{p}']
  const output = await answer('cargo tree', 'cargo', [
    'tree',
    '--locked',
    '-p',
    crate,
    '--target',
    target,
    ...shape,
  ])
  const crates = [...output.matchAll(/^(\S+) v(\S+)$/gm)].map(match => `${match[1]} ${match[2]}`)
  if (crates.length === 0) throw new ScriptError(`cargo tree says nothing of ${crate}`)
  return [...new Set(crates)].sort()
}

let crates
function cratesOfWorkspace() {
  crates ??= readCrates()
  return crates
}

async function readCrates() {
  const output = await answer('cargo metadata', 'cargo', ['metadata', '--locked', '--format-version', '1'])
  const { packages } = JSON.parse(output)
  return new Map(packages.map(entry => [`${entry.name} ${entry.version}`, entry]))
}

/**
 * The texts in a crate, also those of what it carries in itself; for one that has none, that of its licence. Where we
 * may choose, the MIT licence is what it is taken under.
 */
async function licencesOf({ name, license, manifest_path, authors }) {
  const folder = dirname(manifest_path)
  const files = readdirSync(folder, { recursive: true }).filter(path => LICENCE_FILE.test(basename(path)))
  const underMit = /\bOR MIT\b|\bMIT OR\b/.test(license) ? files.filter(path => /mit$/i.test(path)) : []
  const texts = (underMit.length > 0 ? underMit : files)
    .sort()
    .map(path => tidy(readFileSync(join(folder, path), 'utf8')))
    // zstd may be had under the GPL instead.
    .filter(text => !/^\W*GNU GENERAL PUBLIC LICENSE/.test(text))
  if (texts.length > 0) return texts
  if (license !== 'MIT') throw new ScriptError(`${name} has no text of its licence, ${license}`)
  return [await mitOf(authors.join(', ') || `the authors of ${name}`)]
}

let mit
/** The MIT licence as the compiler brings it, given by `holder`. */
async function mitOf(holder) {
  mit ??= answer('rustc', 'rustc', ['--print', 'sysroot']).then(output => {
    const file = join(output.trim(), 'share/doc/rust/licenses/MIT.txt')
    if (!existsSync(file)) throw new ScriptError(`this Rust has no ${file}`)
    return tidy(readFileSync(file, 'utf8'))
  })
  return (await mit).replace('<year> <copyright holders>', holder)
}

function tidy(text) {
  return text.replaceAll('\r\n', '\n').trim()
}
