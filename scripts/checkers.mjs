// Checkers that no package brings: each of one version, installed below target/ when it is first needed.
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { must, retried, root, ScriptError, say } from './lib.mjs'

/** Each one's version, and the command that installs it as `bin/NAME` in a folder. */
const CHECKERS = {
  'cargo-deny': {
    version: '0.20.2',
    install: (folder, version) => [
      'cargo',
      ['install', '--locked', '--root', folder, `cargo-deny@${version}`],
    ],
  },
  zizmor: {
    version: '1.32.0',
    install: (folder, version) => [
      'python3',
      ['-m', 'pip', 'install', '--disable-pip-version-check', '--target', folder, `zizmor==${version}`],
    ],
  },
  actionlint: {
    version: '1.7.12',
    install: (folder, version) => [
      'go',
      ['install', `github.com/rhysd/actionlint/cmd/actionlint@v${version}`],
      { GOBIN: join(folder, 'bin') },
    ],
  },
}

/**
 * The program of a checker. Where it cannot be installed, undefined, and a line says that it is skipped; `isRequired`
 * makes an error of that.
 */
export async function checker(name, { isRequired }) {
  try {
    return await installed(name)
  } catch (error) {
    if (isRequired || !(error instanceof ScriptError)) throw error
    console.log(`SKIPPED: ${[name, error.message, lastLine(error.output)].filter(Boolean).join(': ')}`)
    return undefined
  }
}

async function installed(name) {
  const { version, install } = CHECKERS[name]
  const folder = join(root, 'target/checkers', `${name}-${version}`)
  const program = join(folder, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  if (!existsSync(program)) {
    say(`Installing ${name} ${version} …`)
    // An installation that is interrupted leaves nothing under the name that is looked for.
    const unfinished = `${folder}.unfinished`
    rmSync(unfinished, { recursive: true, force: true })
    const [command, args, env] = install(unfinished, version)
    await retried(() => must(`installing ${name}`, command, args, { env }))
    rmSync(folder, { recursive: true, force: true })
    renameSync(unfinished, folder)
  }
  return program
}

/** What a command that has failed said in the end, which most of them say why in. */
export function lastLine(output) {
  return output.trimEnd().split('\n').at(-1).trim()
}
