// node scripts/workflows.mjs [--all]: what actionlint and zizmor have against the workflows. One that cannot be installed is
// skipped, with a line that says so; with `--all` that is a failure.
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { checker } from './checkers.mjs'
import { collect, root, run } from './lib.mjs'

const FOLDER = '.github/workflows'

await run(async () => {
  const isRequired = process.argv.includes('--all')
  const files = readdirSync(`${root}/${FOLDER}`).map(name => `${FOLDER}/${name}`)
  const codes = []
  for (const [name, args] of [
    ['actionlint', files],
    ['zizmor', ['--offline', '.github']],
  ]) {
    const program = await checker(name, { isRequired })
    if (program !== undefined) codes.push((await collect(program, args, { echo: true })).code)
  }
  return Math.max(0, ...codes)
})
