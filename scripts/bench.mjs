// npm run bench [-- NAME …]: builds what is missing, then runs the benchmarks.
import process from 'node:process'
import { bootstrap } from './bootstrap.mjs'
import { inherit, run } from './lib.mjs'

await run(async () => {
  await bootstrap()
  return inherit(process.execPath, ['bench/run.mjs', ...process.argv.slice(2)])
})
