/**
 * Plays what a document shows: each command is run, and what stands below it has to be what it prints. With
 * `UPDATE_DOCS=1` the document gets what is printed instead.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { Transcripts, withoutChance } from './transcripts.js'

/** The script behind the command that the documents show. */
export const program = fileURLToPath(new URL('../../../wal-recovery/bin/flashstrike-wal.js', import.meta.url))
const terminal = fileURLToPath(new URL('../../../wal-recovery/test/terminal.py', import.meta.url))
/** Whether this machine has what makes terminals. */
export const hasTerminal = spawnSync('python3', ['-c', 'import os, pty, fcntl, termios']).status === 0
const isUpdate = process.env['UPDATE_DOCS'] !== undefined
/** Where the documents have their logs. */
const SHOWN_AT = '/srv'

/** Where a section is played, and what else happens there. */
export interface Scene {
  readonly place: string
  /** What is done before the block with this number, the first is 0. */
  readonly before?: ReadonlyMap<number, () => unknown>
  /** The message that a block without commands shows. */
  readonly messages?: ReadonlyMap<number, () => Promise<string> | string>
  /** Commands that are not of the log, and what they do. */
  readonly others?: ReadonlyMap<string, () => void>
  /** How wide the terminal is that the commands run on; without one there is none. */
  readonly columns?: number | undefined
  /** Figures depend on when the log got how far. */
  readonly isByChance?: boolean
}

/** A directory for the logs of one test. */
export function scenery(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), 'scene-'))
  t.teardown(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** A page of the documentation. */
export function documented(page: string): Transcripts {
  return new Transcripts(new URL(`../../../../docs/${page}.md`, import.meta.url))
}

/** Runs a command of the document and gives what it prints. */
export function run(
  command: string,
  { place, others, columns }: Scene,
  lastCode = 0,
): { output: string; code: number } {
  if (command === 'echo $?') return { output: `${lastCode}\n`, code: 0 }
  const other = others?.get(command)
  if (other !== undefined) {
    other()
    return { output: '', code: 0 }
  }
  const [name, ...args] = command.split(' ')
  if (name !== 'flashstrike-wal') throw new Error(`unknown: ${command}`)
  const asked = [process.execPath, program, ...args]
  const [shell = '', ...rest] =
    columns === undefined ? asked : ['python3', terminal, `${columns}`, '', '', ...asked]
  const { stdout, stderr, status } = spawnSync(shell, rest, {
    cwd: place,
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: undefined, FORCE_COLOR: undefined, NO_COLOR: '1' },
  })
  const output = `${stdout}${stderr}`.replaceAll('\r\n', '\n').replaceAll(place, SHOWN_AT)
  return { output, code: status ?? -1 }
}

/** Plays a section from its first block to its last. */
export async function play(
  t: ExecutionContext,
  transcripts: Transcripts,
  section: string,
  scene: Scene,
): Promise<void> {
  const blocks = transcripts.of(section)
  t.true(blocks.length > 0, `${section} shows something`)
  for (const [number, block] of blocks.entries()) {
    await scene.before?.get(number)?.()
    let text = ''
    let code = 0
    for (const { command } of block.shown) {
      const ran = run(command, scene, code)
      code = ran.code
      text += `$ ${command}\n${ran.output}`
    }
    const message = await scene.messages?.get(number)?.()
    if (message !== undefined) text = message.replaceAll(scene.place, SHOWN_AT)
    const comparable = (shown: string) => {
      const same = withoutChance(shown)
      return scene.isByChance ? same.replaceAll(/\d[\d,.]*( KiB| MiB)?/g, 'N') : same
    }
    if (!isUpdate) t.is(comparable(block.text), comparable(text), `${section}, block ${number}`)
    else if (comparable(block.text) !== comparable(text)) transcripts.replace(block, wrapped(text))
  }
}

/** A message of one line as the document shows it. */
function wrapped(text: string): string {
  return text.startsWith('$') ? text : `${text.replaceAll(/(.{1,120})( |$)/g, '$1\n').trimEnd()}\n`
}
