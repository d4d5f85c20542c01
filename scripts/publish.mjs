// node scripts/publish.mjs DIR [-- OPTIONS OF NPM]: publishes the tarballs of a folder, the addons first and each package
// behind those that it names, so that nobody can install one whose addon is not there yet. One whose version is there
// already is passed over, so that a run that failed half-way can be started again.
import { resolve } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { collect, must, run, ScriptError, say } from './lib.mjs'
import { tarballs } from './packing/packages.mjs'

await run(async () => {
  const args = process.argv.slice(2)
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const { positionals } = parseArgs({ args: args.slice(0, end), allowPositionals: true })
  if (positionals.length !== 1) throw new ScriptError('node scripts/publish.mjs DIR [-- OPTIONS OF NPM]')
  const options = args.slice(end + 1)
  for (const { file, name, version } of inOrder(await tarballs(resolve(positionals[0])))) {
    if (await isPublished(`${name}@${version}`, options)) say(`${name} ${version} is published`)
    else {
      await must(`publishing ${name}`, 'npm', ['publish', file, '--ignore-scripts', ...options])
      say(`${name} ${version} published`)
    }
  }
  return 0
})

/** Each package behind those that it names, and all addons before anything that users name. */
function inOrder(packages) {
  const ordered = new Set(packages.filter(({ os }) => os !== undefined))
  const add = one => {
    const names = Object.keys({ ...one.dependencies, ...one.optionalDependencies })
    for (const other of packages) if (names.includes(other.name)) add(other)
    ordered.add(one)
  }
  packages.forEach(add)
  return [...ordered]
}

/** Whether the registry has this version. Any other answer than yes and no is an error: it might be published. */
async function isPublished(name, options) {
  const { code, output, stdout } = await collect('npm', ['view', name, 'version', '--json', ...options])
  if (code === 0) return stdout.trim() !== ''
  if (/\bE404\b/.test(output)) return false
  throw new ScriptError(`npm view ${name} failed: ${output.trim()}`)
}
