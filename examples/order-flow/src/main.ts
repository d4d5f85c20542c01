import { InputError } from './input-error.js'
import { jsonReport } from './json-report.js'
import { readOptions } from './options.js'
import { Output, ReaderGone } from './output.js'
import { type Listener, run } from './run.js'
import { textListener, textReport } from './text-report.js'

/** Everything was as it has to be. */
const OK = 0
/** An acknowledged event is missing, the books differ, or the program could not do its work. */
const FAILED = 1
/** Bad options, or a file that cannot be read or understood; nothing was written. */
const BAD_INPUT = 2
/** Nobody reads what is printed: as a program that SIGPIPE ends. */
const NO_READER = 128 + 13

const silent: Listener = { flow: () => {}, killed: () => {} }

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv)
  if (typeof options === 'string') {
    process.stdout.write(options)
    return OK
  }
  const output = new Output(process.stdout)
  const outcome = await run(options, options.json ? silent : textListener(line => output.print(line)))
  output.print(options.json ? jsonReport(outcome) : textReport(outcome, process.stdout.isTTY === true))
  return outcome.lost === 0 && outcome.booksEqual ? OK : FAILED
}

function told(error: unknown): number {
  if (error instanceof ReaderGone) return NO_READER
  const bad = error instanceof InputError
  console.error(bad ? error.message : error)
  return bad ? BAD_INPUT : FAILED
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = told(error)
}
