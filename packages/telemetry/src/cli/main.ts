/** The command line `flashstrike-telemetry`: runs what was asked for, and says how it ended. */
import { commandLine } from './command-line.js'
import { COMMANDS } from './commands.js'
import { fail } from './failure.js'
import { helpFor, withoutSeparator } from './usage.js'

const args = withoutSeparator(process.argv.slice(2))
const help = helpFor(args, COMMANDS)
// Whoever reads the output has enough of it, as `head` has: no error, only the end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? (process.exitCode ?? 0) : fail(error, help))
})
try {
  await commandLine(args).parseAsync(args)
} catch (error) {
  process.exitCode = fail(error, help)
}
