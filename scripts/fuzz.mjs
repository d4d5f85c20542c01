// npm run fuzz [-- SECONDS]: every fuzz target on its committed corpus, each for so many seconds.
import process from 'node:process'
import { fuzz } from './fuzzing.mjs'
import { run, ScriptError, say } from './lib.mjs'
import { HOW } from './nightly.mjs'

await run(async () => {
  const seconds = Number(process.argv[2] ?? 10)
  if (!(seconds > 0)) throw new ScriptError('SECONDS is a number above 0')
  const results = await fuzz(seconds)
  if (results === undefined) throw new ScriptError(`fuzzing needs a nightly compiler: ${HOW}`)
  for (const { name, found, output } of results)
    say(found ? `${name}: FAILED\n${output}` : `${name}: nothing found`)
  return results.some(({ found }) => found) ? 1 : 0
})
