// node scripts/versions.mjs [TAG]: whether packages and crates have one version, the newest of the changelog; with a
// tag, whether it is that one, with a date. Prints the version; one line for each finding, and exit code 1.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { readJson, root } from './lib.mjs'

const read = path => readFileSync(join(root, path), 'utf8')

/** Each place that says which version this is. */
function places() {
  const packages = readdirSync(join(root, 'packages')).map(name => `packages/${name}/package.json`)
  const loader = 'packages/native-addon/src/version.ts'
  const cargo = read('Cargo.toml')
  const own = cargo.match(/^\[workspace\.package\]\nversion = "(.*)"/m)?.[1]
  const between = [...cargo.matchAll(/^(flashstrike-[a-z-]+) = \{ path = ".*", version = "(.*)" \}/gm)]
  return [
    ...packages.map(path => [path, readJson(join(root, path)).version]),
    ['Cargo.toml, workspace.package', own],
    [loader, read(loader).match(/VERSION = '(.*)'/)?.[1]],
    ...between.map(([, name, version]) => [`Cargo.toml, ${name}`, version]),
  ]
}

const [tag] = process.argv.slice(2)
const [, version, date] = read('CHANGELOG.md').match(/^## (\S+) \((.*)\)$/m) ?? []
const problems = places()
  .filter(([, found]) => found !== version)
  .map(([place, found]) => `${place}: version ${found}, but the changelog begins with ${version}`)
if (tag !== undefined && tag !== `v${version}`) problems.push(`the tag is ${tag}, the version ${version}`)
if (tag !== undefined && !/^\d{4}-\d\d-\d\d$/.test(date))
  problems.push(`CHANGELOG.md: ${version} (${date}) has no date`)
for (const problem of problems) console.log(problem)
if (problems.length === 0) console.log(version)
process.exitCode = problems.length === 0 ? 0 : 1
