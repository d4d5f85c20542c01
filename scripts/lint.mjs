// npm run lint: formatters in checking mode, linters, compilers.
import { bootstrap } from './bootstrap.mjs'
import { run } from './lib.mjs'
import { runLints } from './suites.mjs'
import { printSummary } from './summary.mjs'

await run(async () => {
  // The documentation shows programs with what only tests install, such as OpenTelemetry.
  await bootstrap({ forTests: true })
  return printSummary(await runLints())
})
