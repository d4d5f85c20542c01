// npm run build: dependencies, addons, TypeScript.
import { bootstrap } from './bootstrap.mjs'
import { run, say } from './lib.mjs'

await run(async () => {
  await bootstrap()
  say('Built: the native addons in packages/*/native, and JavaScript in dist of every package and its tests')
  return 0
})
