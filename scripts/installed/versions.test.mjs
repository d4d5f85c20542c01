// Whether versions that differ are found before a release, in a copy of the files that say them.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { collect, readJson, root } from '../lib.mjs'

const MANIFESTS = readdirSync(join(root, 'packages')).map(name => `packages/${name}/package.json`)
const PLACES = ['Cargo.toml', 'packages/native-addon/src/version.ts', ...MANIFESTS]
const VERSION = readJson(join(root, MANIFESTS[0])).version
const OTHER = `${VERSION}1`

/** A copy with a changelog that begins with this version, released on this day. */
function copy(t, { version = VERSION, date = '2026-01-31' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'flashstrike-versions-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const file of [...PLACES, 'scripts/versions.mjs', 'scripts/lib.mjs'])
    cpSync(join(root, file), join(folder, file))
  writeFileSync(
    join(folder, 'CHANGELOG.md'),
    `# Changelog\n\n## ${version} (${date})\n\n## 0.0.1 (2025-12-31)\n`,
  )
  return {
    change(file, one, other) {
      const text = readFileSync(join(folder, file), 'utf8')
      t.true(text.includes(one), `${file}: ${one}`)
      writeFileSync(join(folder, file), text.replace(one, other))
    },
    check: (...tag) => collect(process.execPath, [join(folder, 'scripts/versions.mjs'), ...tag]),
  }
}

test('one version everywhere, with a date, may be released under its tag', async t => {
  t.like(await copy(t).check(`v${VERSION}`), { code: 0, output: `${VERSION}\n` })
})

test('every place that says another version is named', async t => {
  for (const place of PLACES) {
    const files = copy(t)
    files.change(place, VERSION, OTHER)
    const { code, output } = await files.check()
    t.is(code, 1)
    t.true(output.startsWith(place), `${place}: ${output}`)
    t.true(output.includes(`version ${OTHER}, but the changelog begins with ${VERSION}`), output)
  }
})

test('a crate that is wanted in another version than it has is named', async t => {
  const files = copy(t)
  const wanted = 'flashstrike-segment = { path = "crates/segment", version = "'
  files.change('Cargo.toml', `${wanted}${VERSION}`, `${wanted}${OTHER}`)
  const { code, output } = await files.check()
  t.is(code, 1)
  t.regex(output, /^Cargo\.toml, flashstrike-segment: version /)
})

test('nothing is released under another tag, nor without a date, nor before the changelog speaks of it', async t => {
  const otherTag = await copy(t).check(`v${OTHER}`)
  t.is(otherTag.code, 1)
  t.is(otherTag.output, `the tag is v${OTHER}, the version ${VERSION}\n`)
  const undated = copy(t, { date: 'unreleased' })
  t.is((await undated.check()).code, 0)
  const { code, output } = await undated.check(`v${VERSION}`)
  t.is(code, 1)
  t.is(output, `CHANGELOG.md: ${VERSION} (unreleased) has no date\n`)
  t.is((await copy(t, { version: OTHER }).check(`v${OTHER}`)).code, 1)
})
