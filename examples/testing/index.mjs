/** Runs an example as a process of its own, as a user would, and kills it as nobody would like to. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A directory for one test, removed when that is over. */
export function directory(t) {
  const path = mkdtempSync(join(tmpdir(), 'flashstrike-example-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Starts a program of an example; `lines` is what it prints, line by line. */
export function start(t, program, args = [], env = {}) {
  const child = spawn(process.execPath, [fileURLToPath(program), ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  // Whoever is killed reads no more.
  child.stdin.on('error', () => {})
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    child,
    // Without an end of its own: whoever leaves a loop over it can read on later.
    lines: { [Symbol.asyncIterator]: () => ({ next: () => lines.next() }), next: () => lines.next() },
    /** Ends it at once, in the middle of whatever it does; gives the lines that nobody has read. */
    async kill() {
      child.kill('SIGKILL')
      const rest = []
      for (let line = await lines.next(); !line.done; line = await lines.next()) rest.push(line.value)
      await exited
      return rest
    },
    /** Waits for its end; gives the exit code. */
    async ended() {
      const [code] = await exited
      return code
    },
  }
}
