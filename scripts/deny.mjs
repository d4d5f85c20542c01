// node scripts/deny.mjs [--all]: whether the crates are under licences that deny.toml allows, come from where it says, and
// nothing is known against them. Where the list of advisories cannot be had, or cargo-deny itself, it says what is skipped;
// with `--all` that is a failure.
import process from 'node:process'
import { checker, lastLine } from './checkers.mjs'
import { collect, run } from './lib.mjs'

/** A list that takes longer cannot be had: some networks answer nothing at all. */
const LIMIT_MS = 10 * 60_000

/** What needs no list from elsewhere. */
const OWN = ['bans', 'licenses', 'sources']

await run(async () => {
  const all = process.argv.includes('--all')
  const deny = await checker('cargo-deny', { isRequired: all })
  if (deny === undefined) return 0
  const { code: missing, output } = await collect(deny, ['fetch', 'db'], { limitMs: LIMIT_MS })
  const isSkipped = missing !== 0 && !all
  if (isSkipped) console.log(`SKIPPED: advisories on crates, whose list cannot be had: ${lastLine(output)}`)
  const { code } = await collect(deny, ['--locked', 'check', ...(isSkipped ? OWN : [])], { echo: true })
  return code
})
