// Installs the peers and builds their Rust side. One that cannot be had does not keep the others from taking part.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { collect, fingerprint, must, readJson, retried, unlessDone } from '../../scripts/lib.mjs'

const here = 'bench/peers'

/**
 * @param {{ root: string, pnpm: string, say: (text: string) => void }} environment
 * @returns {Promise<{ native?: string, versions: Record<string, string>, missing: Record<string, string> }>} the
 *   program of the Rust peers, the version of each peer that is there, and why each other one is not
 */
export async function installPeers({ root, pnpm, say }) {
  const folder = join(root, here)
  const versions = {}
  const missing = {}
  const npm = Object.keys(readJson(join(folder, 'package.json')).dependencies)
  const crates = cratesOf(readFileSync(join(folder, 'native/Cargo.toml'), 'utf8'))
  try {
    await installPackages(folder, pnpm, say)
    for (const name of npm)
      versions[name] = readJson(join(folder, 'node_modules', name, 'package.json')).version
  } catch (error) {
    for (const name of npm) missing[name] = error.message
  }
  if ('better-sqlite3' in versions) {
    try {
      await buildSqlite(folder, say)
    } catch (error) {
      delete versions['better-sqlite3']
      missing['better-sqlite3'] = error.message
    }
  }
  let native
  try {
    native = await buildCrates(folder, say)
    const lock = readFileSync(join(folder, 'native/Cargo.lock'), 'utf8')
    for (const name of crates) versions[name] = lockedVersion(lock, name)
  } catch (error) {
    for (const name of crates) missing[name] = error.message
  }
  return { native, versions, missing }
}

async function installPackages(folder, pnpm, say) {
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'].map(name => `${here}/${name}`)
  await unlessDone(`${here}/node_modules/.installed`, fingerprint(files), [], async () => {
    say('installing the peers')
    const args = ['-y', pnpm, 'install', '--frozen-lockfile', '--reporter=append-only']
    await retried(() => must('installing the peers', 'npx', args, { cwd: folder, env: { CI: 'true' } }))
  })
}

/** Its package has no binary and would fetch one from elsewhere; it is built from the source that it ships. */
async function buildSqlite(folder, say) {
  const cwd = join(folder, 'node_modules/better-sqlite3')
  const stamp = `${here}/node_modules/.sqlite`
  const print = fingerprint([`${here}/pnpm-lock.yaml`], [process.version])
  const built = `${here}/node_modules/better-sqlite3/build/Release/better_sqlite3.node`
  await unlessDone(stamp, print, [built], async () => {
    say('building better-sqlite3 from its source (two minutes)')
    const node = dirname(dirname(process.execPath))
    const headers = existsSync(join(node, 'include/node/node.h')) ? [`--nodedir=${node}`] : []
    const { output } = await collect('npm', ['root', '--global'])
    const bundled = join(output.trim().split('\n').at(-1), 'npm/node_modules/node-gyp/bin/node-gyp.js')
    const args = [bundled, 'rebuild', '--release', ...headers]
    await must('building better-sqlite3', process.execPath, args, { cwd })
  })
}

async function buildCrates(folder, say) {
  say('building the peers in Rust (some minutes the first time)')
  const manifest = join(folder, 'native/Cargo.toml')
  const args = ['build', '--release', '--locked', '--manifest-path', manifest]
  const output = await retried(() =>
    must('building the peers in Rust', 'cargo', [...args, '--message-format=json-render-diagnostics']),
  )
  const artifacts = output.split('\n').filter(line => line.startsWith('{"reason":"compiler-artifact"'))
  return artifacts.map(line => JSON.parse(line).executable).find(path => path !== null)
}

/** The peers among the dependencies: those that stand under a comment of this word. */
function cratesOf(manifest) {
  const peers = manifest.slice(manifest.indexOf('# Peers.'))
  return [...peers.matchAll(/^([a-z-]+) = /gm)].map(([, name]) => name)
}

function lockedVersion(lock, name) {
  return lock.match(new RegExp(`name = "${name}"\\nversion = "([^"]+)"`))?.[1] ?? 'unknown'
}
