// npm test: the Rust tests, then every package's tests on this Node and on the other supported majors.
import { bootstrap } from './bootstrap.mjs'
import { run } from './lib.mjs'
import { runTests } from './suites.mjs'
import { printSummary } from './summary.mjs'

await run(async () => {
  await bootstrap({ forTests: true })
  return printSummary(await runTests())
})
