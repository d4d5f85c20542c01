// npm run lint: formatters in checking mode, linters, compilers.
import { bootstrap } from './bootstrap.mjs'
import { run } from './lib.mjs'
import { runLints } from './suites.mjs'
import { printSummary } from './summary.mjs'

await run(async () => {
  await bootstrap()
  return printSummary(await runLints())
})
