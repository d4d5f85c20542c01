/** The command line `flashstrike-telemetry`: runs what was asked for, and says how it ended. */
import { commandLine } from './command-line.js'
import { fail } from './failure.js'

// Whoever reads the output has enough of it, as `head` has: no error, only the end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(process.exitCode ?? 0)
})
try {
  await commandLine().parseAsync(process.argv.slice(2))
} catch (error) {
  process.exitCode = fail(error)
}
