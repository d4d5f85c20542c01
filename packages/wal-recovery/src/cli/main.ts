/** The command line `flashstrike-wal`: runs what was asked for, and says how it ended. */
import { commandLine } from './command-line.js'
import { COMMANDS } from './commands.js'
import { EXIT_CLEAN, EXIT_INTERRUPTED, fail } from './failure.js'
import { interrupted } from './interrupt.js'
import { watchOutput } from './output.js'
import { endProgress } from './progress.js'
import { helpFor, withoutSeparator } from './usage.js'

const args = withoutSeparator(process.argv.slice(2))

function leave(): void {
  // What it is in the middle of, it ends itself; whoever asks twice does not want to wait.
  if (interrupted()) return
  endProgress()
  process.exit(EXIT_INTERRUPTED)
}

function ended(error: unknown): number {
  endProgress()
  return fail(error, args.includes('--json'), helpFor(args, COMMANDS))
}

watchOutput(ended)
process.on('SIGINT', leave)
process.on('SIGTERM', leave)
try {
  process.exitCode = EXIT_CLEAN
  await commandLine(args).parseAsync(args)
} catch (error) {
  process.exitCode = ended(error)
}
