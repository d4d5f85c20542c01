import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { ExecutionContext } from 'ava'

/** Says loudly that a test did not run here. In CI, where everything that can be installed is, that is a failure. */
function skip(t: ExecutionContext, why: string, canBeInstalled: boolean): undefined {
  if (canBeInstalled && process.env['CI'] === 'true') t.fail(`cannot be skipped in CI: ${why}`)
  t.log(`SKIPPED: ${why}`)
  t.pass()
}

/** A file system of its own at a new directory, unmounted after the test; undefined, loudly, where none may be mounted. */
export function mounted(
  t: ExecutionContext,
  path: string,
  ...options: readonly string[]
): string | undefined {
  mkdirSync(path)
  const { status, error, stderr } = spawnSync('mount', [...options, path], { encoding: 'utf8' })
  if (status !== 0)
    return skip(t, `nothing can be mounted here: ${error ?? stderr.trim()}`, error !== undefined)
  t.teardown(() => spawnSync('umount', ['--lazy', path]))
  return path
}

/** Lets nothing be written on a mounted file system any more, or everything again. */
export function setReadOnly(t: ExecutionContext, path: string, readOnly: boolean): void {
  const { status, stderr } = spawnSync('mount', ['-o', readOnly ? 'remount,ro' : 'remount,rw', path])
  t.is(status, 0, String(stderr))
}

/** The beginning of a command that lets one call in each thread fail; undefined, loudly, where none can be traced. */
export function failing(t: ExecutionContext, call: string, error: string, nth: number): string[] | undefined {
  const command = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`]
  command.push('-e', `inject=${call}:error=${error}:when=${nth}`)
  const [program = '', ...args] = [...command, 'true']
  const probe = spawnSync(program, args)
  if (probe.status === 0) return command
  return skip(
    t,
    `no system call can be made to fail: ${probe.error ?? probe.stderr}`,
    probe.error !== undefined,
  )
}
