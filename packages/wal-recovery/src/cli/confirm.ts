/** Asking before anything is changed. */
import { createInterface } from 'node:readline/promises'
import { UsageError } from './failure.js'
import { colours, note } from './output.js'

/**
 * Asks on the terminal.
 *
 * @throws UsageError without a terminal, where only `--yes` answers
 */
export async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError('nobody can be asked here: add --yes to do this, or --dry-run to only see it')
  }
  const { bold } = colours(process.stderr)
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  // Without a listener of its own it would take Ctrl-C for nothing.
  asking.on('SIGINT', () => {
    note('')
    process.emit('SIGINT', 'SIGINT')
  })
  const ended = new Promise<string>(resolve => asking.on('close', () => resolve('')))
  try {
    const answer = await Promise.race([asking.question(`${bold(question)} [y/N] `), ended])
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    asking.close()
  }
}
