import { InputError } from './input-error.js'
import { jsonReport } from './json-report.js'
import { readOptions } from './options.js'
import { type Listener, run } from './run.js'
import { textListener, textReport } from './text-report.js'

/** Everything was as it has to be. */
const OK = 0
/** An acknowledged event is missing, the books differ, or the program could not do its work. */
const FAILED = 1
/** Bad options, or a file that cannot be read or understood; nothing was written. */
const BAD_INPUT = 2

const silent: Listener = { flow: () => {}, killed: () => {} }

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv)
  if (typeof options === 'string') {
    process.stdout.write(options)
    return OK
  }
  const outcome = await run(options, options.json ? silent : textListener(line => console.log(line)))
  console.log(options.json ? jsonReport(outcome) : textReport(outcome, process.stdout.isTTY === true))
  return outcome.lost === 0 && outcome.booksEqual ? OK : FAILED
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const bad = error instanceof InputError
  console.error(bad ? error.message : error)
  process.exitCode = bad ? BAD_INPUT : FAILED
}
