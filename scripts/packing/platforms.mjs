// The platforms that addons are built for, from the list that napi builds by.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { addons } from '../bootstrap.mjs'
import { readJson, root, ScriptError } from '../lib.mjs'

/**
 * Name, Rust's name of the target, `os`, `cpu` and `libc` of each. The packages' lists have to be the same, and that
 * of the loader too.
 */
export async function platforms() {
  const lists = addons.map(name => readJson(join(root, 'packages', name, 'package.json')).napi.targets)
  const [targets] = lists
  const { parseTriple } = await importFrom('packages/telemetry', '@napi-rs/cli')
  const known = targets.map(target => describe(target, parseTriple(target)))
  const { SUPPORTED } = await import(pathToFileURL(join(root, 'packages/native-addon/dist/index.js')).href)
  const names = known.map(({ name }) => name)
  for (const list of [...lists.map(list => [list, targets]), [SUPPORTED, names]]) {
    const [one, other] = list.map(entries => [...entries].sort().join(' '))
    if (one !== other) throw new ScriptError(`the lists of platforms differ: ${one} and ${other}`)
  }
  return known
}

function describe(target, { platformArchABI, platform, arch, abi }) {
  const libc = platform !== 'linux' ? undefined : abi === 'musl' ? 'musl' : 'glibc'
  return { name: platformArchABI, target, os: platform, cpu: arch, libc }
}

async function importFrom(folder, name) {
  const found = createRequire(join(root, folder, 'package.json')).resolve(name)
  return import(pathToFileURL(found).href)
}
