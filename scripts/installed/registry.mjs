// A registry of npm packages on loopback: ours from their tarballs, all others from the registry that is configured here.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { answer, must, root, ScriptError } from '../lib.mjs'
import { HERE } from './tools.mjs'

const TARGET = join(root, 'target/installed')

/**
 * Starts it with `node`; gives its address and what ends it. Packages of others are kept from run to run, ours only
 * where `goOn` says so. It takes no version of the package `refused`.
 */
export async function startRegistry(node, { name = 'registry', goOn = false, refused } = {}) {
  const storage = join(TARGET, name)
  if (!goOn) rmSync(join(storage, '@flashstrike'), { recursive: true, force: true })
  mkdirSync(storage, { recursive: true })
  const config = join(storage, 'config.json')
  writeFileSync(config, JSON.stringify(await configuration(storage, refused)))
  const server = spawn(node, [join(HERE, 'serve.mjs'), config], {
    cwd: storage,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let said = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', text => (said += text))
  const ended = once(server, 'close')
  const failed = ended.then(() => {
    throw new ScriptError(`the registry has ended:\n${said}`)
  })
  const [port] = await Promise.race([once(server, 'message'), failed])
  const address = `http://127.0.0.1:${port}`
  return {
    address,
    close() {
      server.kill()
      return ended
    },
  }
}

async function configuration(storage, refused) {
  const url = await answer('npm config', 'npm', ['config', 'get', 'registry', '--loglevel=silent'])
  const all = { access: '$all', publish: '$all', unpublish: '$all' }
  return {
    storage,
    // It would ask nothing for minutes after two requests that have failed.
    uplinks: { configured: { url: url.trim(), maxage: '1d', timeout: '60s', fail_timeout: '0s' } },
    packages: {
      ...(refused && { [refused]: { ...all, publish: 'nobody' } }),
      '@flashstrike/*': all,
      '**': { ...all, proxy: 'configured' },
    },
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
    max_body_size: '100mb',
  }
}

/** What publishing here takes beside: a registry that asks nobody's name has to be given one all the same. */
function publishOptions(address) {
  const token = `--//${address.slice(7)}/:_authToken=nobody`
  // Only a build server can prove where a package comes from.
  return [`--registry=${address}`, token, '--provenance=false', '--loglevel=error']
}

/** Publishes the tarballs of a folder as a release does. */
export function publishRelease(address, folder) {
  const script = join(root, 'scripts/publish.mjs')
  return must('publishing', process.execPath, [script, folder, '--', ...publishOptions(address)])
}

/** Publishes folders, in any order. */
export async function publishFolders(address, folders) {
  const waiting = [...folders]
  const some = async () => {
    while (waiting.length > 0)
      await must('npm publish', 'npm', ['publish', waiting.pop(), ...publishOptions(address)])
  }
  await Promise.all(Array.from({ length: 4 }, some))
}
