// Small helpers of the scripts. They need nothing but Node, because they are what installs everything else.
import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createServer } from 'node:net'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Progress goes to stderr: stdout belongs to the program that is started in the end. */
export function say(text) {
  process.stderr.write(`${text}\n`)
}

/** A failure that the user is told in one line, without a stack. */
export class ScriptError extends Error {
  /** What the command said that has failed. */
  output = ''
}

/** Runs `main`; a ScriptError ends the process with its message and code 1. */
export async function run(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    say(error instanceof ScriptError ? error.message : String(error?.stack ?? error))
    process.exitCode = 1
  }
}

/** Reads a JSON file. */
export function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** Hands the terminal to a program and resolves with its exit code. It decides what an interrupt means. */
export async function inherit(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit' })
  const leave = () => {} // a terminal sends its interrupt to the program as well
  const forward = signal => child.kill(signal)
  process.on('SIGINT', leave).on('SIGTERM', forward)
  const [code, signal] = await once(child, 'close')
  process.off('SIGINT', leave).off('SIGTERM', forward)
  return code ?? 128 + (constants.signals[signal] ?? 0)
}

/**
 * Runs a command and keeps its output (standard error mixed in), and `stdout` alone; `echo` shows it while it runs. After
 * `limitMs` it is killed with all that it has started; the output says so, and `isLate`. A `bare` one has `env` and nothing
 * else for its environment.
 */
export function collect(command, args, { echo = false, bare = false, env, cwd = root, limitMs } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: bare ? env : { ...toolEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: needsShell(command),
      detached: limitMs !== undefined && inGroups,
    })
    let output = ''
    let stdout = ''
    let isLate = false
    const tooLate = text => {
      output += text
      isLate = true
    }
    const release = limitMs === undefined ? () => {} : limit(child, limitMs, tooLate)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', text => {
        output += text
        if (stream === child.stdout) stdout += text
        if (echo) process.stdout.write(text)
      })
    }
    child.on('error', error => {
      release()
      reject(
        error.code === 'ENOENT' ? new ScriptError(`${command} is not installed or not on the PATH`) : error,
      )
    })
    child.on('close', (code, signal) => {
      release()
      resolve({ code: code ?? 128, signal, output, stdout, isLate })
    })
  })
}

/** Whether processes can be killed together with those that they have started. */
const inGroups = process.platform !== 'win32'

/** Kills a child and all that it has started when its time is over, or when this process is told to end. */
function limit(child, limitMs, say) {
  const kill = () => {
    try {
      process.kill(inGroups ? -child.pid : child.pid, 'SIGKILL')
    } catch {
      // It has just ended by itself.
    }
  }
  const timer = setTimeout(() => {
    say(`\nkilled: it has not ended within ${Math.round(limitMs / 60_000)} minutes\n`)
    kill()
  }, limitMs)
  // A group of its own does not hear what the terminal tells this one.
  const leave = signal => {
    kill()
    process.exit(128 + constants.signals[signal])
  }
  process.on('SIGINT', leave).on('SIGTERM', leave)
  return () => {
    clearTimeout(timer)
    process.off('SIGINT', leave).off('SIGTERM', leave)
  }
}

/** Pauses between tries of what needs the network, in milliseconds. */
const RETRY_PAUSES = [2_000, 10_000, 30_000]

/** What npx, pnpm and cargo say when the network, or what is behind it, was not there. */
const NETWORK =
  /ECONN|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET|ERR_PNPM_(META_)?FETCH|UND_ERR|socket hang up|fetch failed|network|timed? ?out|could(n't| not) (resolve|connect)|connection (reset|refused|closed)|\b(E|got |status |HTTP )(429|50[0234])\b/i

/**
 * Does `work`, and again after a pause where the network has failed, or what `also` finds was said: a download that fails
 * once seldom fails the next time. Trying again mends nothing else.
 */
export async function retried(work, also = NETWORK) {
  for (const pause of RETRY_PAUSES) {
    try {
      return await work()
    } catch (error) {
      const said = error.output ?? ''
      if (!NETWORK.test(said) && !also.test(said)) throw error
      say(`${error.message}; trying again in ${pause / 1000} s`)
      await sleep(pause)
    }
  }
  return work()
}

/** As `collect`, but a failure prints what the command said and throws. */
export async function must(what, command, args, options) {
  return (await succeeded(what, command, args, options)).output
}

/** As `must`, but gives standard output alone, which no warning is mixed into: for what a program reads. */
export async function answer(what, command, args, options) {
  return (await succeeded(what, command, args, options)).stdout
}

async function succeeded(what, command, args, options) {
  const outcome = await collect(command, args, options)
  if (outcome.code === 0) return outcome
  const { code, output } = outcome
  say(output.trimEnd())
  throw Object.assign(new ScriptError(`${what} failed (exit code ${code})`), { output })
}

function needsShell(command) {
  return process.platform === 'win32' && ['npx', 'npm'].includes(command)
}

/** How often tools try a download again that has failed, where nobody has told them: more often than they would by themselves. */
const PATIENCE = { CARGO_NET_RETRY: '10', npm_config_fetch_retries: '5', PIP_RETRIES: '10' }

let environment
/**
 * The environment for tools. Rustup looks for its toolchains below HOME; where HOME is not the one rustup was
 * installed for, the toolchains beside the `cargo` on the PATH are meant.
 */
function toolEnvironment() {
  environment ??= { ...PATIENCE, ...process.env, ...rustupHome() }
  return environment
}

function rustupHome() {
  if (process.env.RUSTUP_HOME || process.platform === 'win32') return {}
  const which = spawnSync('sh', ['-c', 'command -v cargo'], { encoding: 'utf8' }).stdout.trim()
  if (!which || !realpathSync(which).endsWith('rustup')) return {}
  const beside = join(dirname(dirname(dirname(which))), '.rustup')
  const own = join(process.env.HOME ?? '', '.rustup')
  return !existsSync(own) && existsSync(beside) ? { RUSTUP_HOME: beside } : {}
}

/** Ports below those that systems give away by themselves. */
const PORTS = [20_000, 32_768]
const givenPorts = new Set()

/**
 * A port of loopback that nobody listens on, another one each time. It is drawn from those that nobody gets without asking
 * for them: one that the system would give could be another's before the program listens that is told of it.
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(...PORTS)
    if (givenPorts.has(port)) continue
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if (!['EADDRINUSE', 'EACCES'].includes(error.code)) throw error
      continue
    }
    await once(server.close(), 'close')
    givenPorts.add(port)
    return port
  }
}
