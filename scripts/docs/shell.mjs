// Runs the commands of blocks that are marked `run`, one after the other, as somebody would who types them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Longer than any of them takes on a slow, busy machine. */
const TIMEOUT_MS = 600_000

/** What is run; whatever else stands in such a block is a mistake. */
const RUNNABLE = /^(?:npx flashstrike-|curl |echo |(?:[A-Z_]+=\S+ )*node )/

/**
 * Runs the lines of a block in a directory. `goesOn`: the first one does so until it is interrupted, which it is behind
 * the others. Gives what is wrong.
 */
export async function runCommands(directory, code, { goesOn, env }) {
  const lines = code.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const commands = lines.filter(line => !line.startsWith('npm install '))
  for (const line of lines) {
    const wrong = commands.includes(line) ? unknown(line) : notThere(directory, line)
    if (wrong !== undefined) return wrong
  }
  if (!goesOn) return inTurn(directory, commands, env)
  const [first, ...others] = commands
  return interrupted(directory, first, env, () => inTurn(directory, others, env))
}

function unknown(line) {
  return RUNNABLE.test(line) ? undefined : `${line}: nothing here runs such a command`
}

/** What npm would fetch has to be there already. */
function notThere(directory, line) {
  const names = line.split(/\s+/).slice(2)
  const missing = names.filter(name => !existsSync(join(directory, 'node_modules', name)))
  return missing.length === 0 ? undefined : `${line}: ${missing.join(', ')} is not what the code here uses`
}

async function inTurn(directory, commands, env) {
  for (const command of commands) {
    const failure = await outcome('sh', ['-c', local(command)], directory, env)
    if (failure !== undefined) return `${command}: ${failure}`
  }
  return undefined
}

/** Without npx, which would ask whether it may fetch what is there. */
function local(command) {
  return command.replace(/^npx /, 'node_modules/.bin/')
}

/** Starts a command, does something as soon as it has said something, and ends it as Ctrl-C would. */
async function interrupted(directory, command, env, meanwhile) {
  const alone = local(command).replace(/^((?:[A-Z_]+=\S+ )*)/, '$1exec ')
  const started = start('sh', ['-c', alone], directory, env)
  await Promise.race([once(started.child.stdout, 'data'), started.ended])
  const failure = await meanwhile()
  started.child.kill('SIGINT')
  const end = await started.ended
  return failure ?? (end === undefined ? undefined : `${command}: ${end}`)
}

/** How a program ended, with what it said, if it did not end well. */
export function outcome(command, args, cwd, env) {
  return start(command, args, cwd, env).ended
}

function start(command, args, cwd, env = process.env) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', text => (said += text))
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => {
      const status = code ?? signal
      resolve(status === 0 ? undefined : `ended with ${status}:\n${said}`)
    })
  })
  return { child, ended }
}
