// npm run ready: every lint and every test; what has to be green before a change is offered.
import { bootstrap } from './bootstrap.mjs'
import { run } from './lib.mjs'
import { runBenchmarks, runFuzz, runLints, runTests } from './suites.mjs'
import { printSummary } from './summary.mjs'

await run(async () => {
  await bootstrap({ forTests: true })
  return printSummary([...(await runLints()), ...(await runTests()), await runBenchmarks(), await runFuzz()])
})
