// npm start: builds what is missing, then runs the order flow program with the arguments given.
import process from 'node:process'
import { bootstrap } from './bootstrap.mjs'
import { inherit, run } from './lib.mjs'

await run(async () => {
  await bootstrap()
  return inherit(process.execPath, ['examples/order-flow/dist/main.js', ...process.argv.slice(2)])
})
