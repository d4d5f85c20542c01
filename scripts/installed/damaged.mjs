// What an interrupted installation or a power cut leaves of an addon ends no process: loaded, it would by a signal.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readJson } from '../lib.mjs'
import { installed, NAMES, succeeds } from './setup.mjs'

/** Each damage, with what is said of it. */
const DAMAGE = {
  'cut short': [whole => whole.subarray(0, 300_000), /is damaged: it has 300000 bytes, and not \d+/],
  'short by its last page': [whole => whole.subarray(0, -4096), /is damaged: it has \d+ bytes, and not \d+/],
  'half zeros': [
    whole => Buffer.concat([whole.subarray(0, whole.length >> 1), Buffer.alloc((whole.length + 1) >> 1)]),
    /is damaged: its contents are not those that were packed/,
  ],
}

/** What a program does that meets the addon of each package first. */
const USES = {
  '@flashstrike/wal-recorder':
    "const { Recorder } = await import(NAME); await Recorder.open({ dir: './log' })",
  '@flashstrike/wal-recovery':
    "const { Recovery } = await import(NAME); await Recovery.open({ dir: './log' })",
  '@flashstrike/telemetry': 'await import(NAME)',
}

test('a program whose addon is damaged is told so by the error for a missing one', async t => {
  const place = await installed(t, { manager: 'npm' })
  const home = join(place.folder, 'node_modules/@flashstrike')
  for (const name of NAMES) {
    const addon = readdirSync(home).find(entry => `@flashstrike/${entry}`.startsWith(`${name}-`))
    const file = join(home, addon, readJson(join(home, addon, 'package.json')).main)
    const whole = readFileSync(file)
    const program = `
      const NAME = '${name}'
      try { ${USES[name]} } catch ({ code, message }) { console.log(code, message) }`
    for (const [what, [damage, said]] of Object.entries(DAMAGE)) {
      writeFileSync(file, damage(whole))
      const output = succeeds(t, await place.runNode(['--input-type=module', '--eval', program]))
      t.true(output.startsWith(`WAL_UNSUPPORTED ${name} has no native addon`), `${name}, ${what}: ${output}`)
      t.regex(output, said)
      t.regex(output, /install again/)
    }
    writeFileSync(file, whole)
  }
})
