// npm run installed [-- --packages DIR]: installs the packages as a user does, by name and without a compiler, and runs
// programs with them. Packs what `npm run build` has made, or takes the tarballs of a folder, and then needs no Rust.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bootstrap, compile, install } from './bootstrap.mjs'
import { run } from './lib.mjs'
import { runInstalled } from './suites.mjs'
import { printSummary } from './summary.mjs'

const { values: options } = parseArgs({ options: { packages: { type: 'string' } } })

await run(async () => {
  const packages = options.packages === undefined ? undefined : resolve(options.packages)
  if (packages === undefined) await bootstrap({ forTests: true })
  else {
    await install({ forTests: true })
    await compile()
  }
  return printSummary([await runInstalled(packages)])
})
