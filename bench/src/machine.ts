import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { cpus, loadavg, release, type as systemName, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

/** What the figures were measured on: name and text, in the order in which they are shown. */
export type Machine = readonly (readonly [name: string, text: string])[]

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The machine, the versions, and the file system of the directory the contestants write to. */
export function describeMachine(dir: string, rust: string): Machine {
  const processors = cpus()
  return [
    ['processor', `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}`],
    ['memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['kernel', `${systemName()} ${release()}`],
    ['file system', fileSystem(dir)],
    ['Node.js', process.version],
    ['Rust', rust],
    ['commit', commit()],
    ['date', new Date().toISOString().slice(0, 16).replace('T', ' ')],
    [
      'load average',
      loadavg()
        .map(n => n.toFixed(2))
        .join(' '),
    ],
  ]
}

/** The type of the file system that a directory lies on, with its device; `unknown` where the system does not tell. */
export function fileSystem(dir: string): string {
  if (!existsSync('/proc/self/mounts')) return 'unknown'
  const path = `${realpathSync(dir)}/`
  const mounts = readFileSync('/proc/self/mounts', 'utf8').trim().split('\n')
  let found = { point: '', text: 'unknown' }
  for (const line of mounts) {
    const [device = '', point = '', type = ''] = line.split(' ')
    const inside = path.startsWith(point.endsWith('/') ? point : `${point}/`)
    if (inside && point.length >= found.point.length) found = { point, text: `${type} (${device})` }
  }
  return found.text
}

function commit(): string {
  // Where there is no git, it has said nothing.
  const git = (...args: string[]) =>
    `${spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout ?? ''}`.trim()
  const id = git('rev-parse', '--short=12', 'HEAD')
  if (id === '') return 'unknown'
  return git('status', '--porcelain', '--untracked-files=no') === '' ? id : `${id}, with changes`
}
