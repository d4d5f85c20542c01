// Installs the peers and builds those in Rust and Java. One that cannot be had does not keep the others from taking part.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { answer, must, readJson, retried } from '../../scripts/lib.mjs'
import { fingerprint, unlessDone } from '../../scripts/stamps.mjs'

const here = 'bench/peers'

/** The peer in Java, and where its version stands. */
const CHRONICLE = 'chronicle-queue'
const CHRONICLE_VERSION = /<artifactId>chronicle-queue<\/artifactId>\s*<version>(.*)<\/version>/

/** The peer that is built only where that is asked for. */
const ROCKSDB = 'rocksdb'
const WITHOUT_ROCKSDB =
  'it is left out unless npm run bench is given --rocksdb, because building it takes half an hour'

/** What Chronicle Queue's documentation asks for on Java 17; and that it asks nobody on the network. */
const JAVA_OPTIONS = [
  '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
  '--add-exports=java.base/sun.nio.ch=ALL-UNNAMED',
  '--add-exports=jdk.unsupported/sun.misc=ALL-UNNAMED',
  '--add-exports=jdk.compiler/com.sun.tools.javac.file=ALL-UNNAMED',
  '--add-opens=jdk.compiler/com.sun.tools.javac=ALL-UNNAMED',
  '--add-opens=java.base/java.lang=ALL-UNNAMED',
  '--add-opens=java.base/java.lang.reflect=ALL-UNNAMED',
  '--add-opens=java.base/java.io=ALL-UNNAMED',
  '--add-opens=java.base/java.util=ALL-UNNAMED',
  '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
  '-Dchronicle.analytics.disable=true',
]

/**
 * @param {{ root: string, pnpm: string, rocksdb: boolean, say: (text: string) => void }} environment
 * @returns {Promise<{ programs: Record<string, string>, versions: Record<string, string>, missing: Record<string, string> }>}
 *   the programs of the peers in Rust and Java, the version of each peer that is there, and why each other one is not
 */
export async function installPeers({ root, pnpm, rocksdb, say }) {
  const folder = join(root, here)
  const versions = {}
  const missing = {}
  const npm = Object.keys(readJson(join(folder, 'package.json')).dependencies)
  const crates = cratesOf(readFileSync(join(folder, 'native/Cargo.toml'), 'utf8'))
  if (!rocksdb) missing[ROCKSDB] = WITHOUT_ROCKSDB
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
  const programs = {}
  try {
    programs['native-peer'] = await buildCrates(folder, say, missing)
    const lock = readFileSync(join(folder, 'native/Cargo.lock'), 'utf8')
    for (const name of crates.filter(name => !(name in missing))) versions[name] = lockedVersion(lock, name)
  } catch (error) {
    for (const name of crates) missing[name] = error.message
  }
  try {
    programs['java-peer'] = await buildJava(folder, say)
    versions[CHRONICLE] = readFileSync(join(folder, 'java/pom.xml'), 'utf8').match(CHRONICLE_VERSION)?.[1]
  } catch (error) {
    missing[CHRONICLE] = error.message
  }
  return { programs, versions, missing }
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
    const global = await answer('npm root', 'npm', ['root', '--global'])
    const bundled = join(global.trim(), 'npm/node_modules/node-gyp/bin/node-gyp.js')
    const args = [bundled, 'rebuild', '--release', ...headers]
    await must('building better-sqlite3', process.execPath, args, { cwd })
  })
}

/** With RocksDB unless that is missing. It is built for this processor: otherwise its checksums are slow. */
async function buildCrates(folder, say, missing) {
  if (!(ROCKSDB in missing)) {
    say('building the peers in Rust (half an hour the first time, most of it RocksDB)')
    try {
      return await cargoBuild(folder, ['--features', ROCKSDB], { CXXFLAGS: '-march=native' })
    } catch (error) {
      missing[ROCKSDB] = error.message
    }
  }
  say('building the peers in Rust (some minutes the first time)')
  return cargoBuild(folder)
}

async function cargoBuild(folder, features = [], env = {}) {
  const manifest = join(folder, 'native/Cargo.toml')
  const args = ['build', '--release', '--locked', '--manifest-path', manifest, ...features]
  const output = await retried(() =>
    answer('building the peers in Rust', 'cargo', [...args, '--message-format=json-render-diagnostics'], {
      env,
    }),
  )
  const artifacts = output.split('\n').filter(line => line.startsWith('{"reason":"compiler-artifact"'))
  return artifacts.map(line => JSON.parse(line).executable).find(path => path !== null)
}

/** Gives a file with the arguments for `java`. */
async function buildJava(folder, say) {
  say('building the peer in Java')
  const cwd = join(folder, 'java')
  await retried(() =>
    must('building the peer in Java', 'mvn', ['--batch-mode', '--quiet', 'package'], { cwd }),
  )
  const target = join(cwd, 'target')
  const file = join(target, 'arguments')
  const classes = [join(target, 'classes'), join(target, 'libraries/*')].join(delimiter)
  writeFileSync(file, [...JAVA_OPTIONS, `-cp ${classes}`, 'Round', ''].join('\n'))
  return file
}

/** The peers among the dependencies: those that stand under a comment of this word. */
function cratesOf(manifest) {
  const peers = manifest.slice(manifest.indexOf('# Peers.'))
  return [...peers.matchAll(/^([a-z-]+) = /gm)].map(([, name]) => name)
}

function lockedVersion(lock, name) {
  return lock.match(new RegExp(`name = "${name}"\\nversion = "([^"]+)"`))?.[1] ?? 'unknown'
}
