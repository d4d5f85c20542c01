// Publishing the crates, with a cargo that asks and uploads to nobody.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { crates } from '../crates.mjs'
import { collect, root } from '../lib.mjs'

const VERSION = '1.2.3'
/** A shell has to take the stand-in for a program. */
const testOnUnix = process.platform === 'win32' ? test.skip : test

/** A cargo that knows what is published from the names of files, and refuses the crate that `refused` names. */
const CARGO = `#!/bin/sh
here="$(dirname "$0")"
case "$1" in
  metadata) cat "$here/metadata.json" ;;
  info) for last; do :; done; [ -e "$here/published/$last" ] ;;
  publish)
    for last; do :; done
    if [ "$last" = "$(cat "$here/refused")" ]; then echo "error: $last is refused" >&2; exit 101; fi
    echo "$*" >> "$here/uploads"
    : > "$here/published/$last@${VERSION}" ;;
  *) echo "unexpected: $*" >&2; exit 2 ;;
esac
`

/** A folder with the stand-in, and what is published there already. */
function standIn(t, published = []) {
  const bin = mkdtempSync(join(tmpdir(), 'flashstrike-crates-'))
  t.teardown(() => rmSync(bin, { recursive: true, force: true }))
  const packages = [...crates].reverse().map(name => ({ name, version: VERSION }))
  writeFileSync(join(bin, 'metadata.json'), JSON.stringify({ packages }))
  mkdirSync(join(bin, 'published'))
  for (const name of published) writeFileSync(join(bin, 'published', `${name}@${VERSION}`), '')
  writeFileSync(join(bin, 'cargo'), CARGO)
  chmodSync(join(bin, 'cargo'), 0o755)
  return {
    async publish(refused = '') {
      writeFileSync(join(bin, 'refused'), refused)
      const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
      return collect(process.execPath, [join(root, 'scripts/publish-crates.mjs')], { env })
    },
    get uploads() {
      const file = join(bin, 'uploads')
      return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
    },
  }
}

const asked = names => names.map(name => `publish --locked --package ${name}`)

/** Those of our crates that a crate names in its manifest, but for its tests. */
function needs(name) {
  const manifest = readFileSync(join(root, 'crates', name.replace('flashstrike-', ''), 'Cargo.toml'), 'utf8')
  const [kept] = manifest.split(/^\[dev-dependencies\]/m)
  return Array.from(kept.matchAll(/^(flashstrike-[a-z-]+)\b.*workspace/gm), ([, other]) => other)
}

test('each crate stands behind those that it needs', t => {
  t.true(crates.flatMap(needs).length >= crates.length)
  for (const [at, name] of crates.entries())
    for (const other of needs(name)) t.true(crates.slice(0, at).includes(other), `${name} needs ${other}`)
})

testOnUnix('all crates are published in this order, and a second run publishes none', async t => {
  const cargo = standIn(t)
  t.is((await cargo.publish()).code, 0)
  t.deepEqual(cargo.uploads, asked(crates))
  const again = await cargo.publish()
  t.is(again.code, 0)
  t.deepEqual(cargo.uploads, asked(crates))
  for (const name of crates) t.true(again.output.includes(`${name} ${VERSION} is published`), name)
})

testOnUnix('a crate that is published is passed over', async t => {
  const [first, ...others] = crates
  const cargo = standIn(t, [first])
  t.is((await cargo.publish()).code, 0)
  t.deepEqual(cargo.uploads, asked(others))
})

testOnUnix('a crate that is refused stops the release, which goes on from there', async t => {
  const cargo = standIn(t)
  const { code, output } = await cargo.publish(crates[2])
  t.is(code, 1)
  t.regex(output, new RegExp(`publishing ${crates[2]} failed`))
  t.deepEqual(cargo.uploads, asked(crates.slice(0, 2)))
  t.is((await cargo.publish()).code, 0)
  t.deepEqual(cargo.uploads, asked(crates))
})
