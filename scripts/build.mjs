// npm run build: dependencies, addons, TypeScript.
import { bootstrap } from './bootstrap.mjs'
import { run } from './lib.mjs'

await run(async () => {
  await bootstrap()
  return 0
})
