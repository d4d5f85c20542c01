// The package managers and Node binaries that packages are installed and run with, in an environment that has nothing
// else: an empty home, and no compiler on the PATH.
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { toolFile } from '../bootstrap.mjs'
import { collect, retried, ScriptError } from '../lib.mjs'

export const HERE = dirname(fileURLToPath(import.meta.url))

/** What the package managers' start scripts of commands call. */
const SHELL_TOOLS = ['sh', 'sed', 'dirname', 'basename', 'uname']

/** How long the registry may take to answer: longer than it waits itself for the one behind it. */
const FETCH_MS = 300_000

/** What they say of a package that the registry could not get from the one behind it: it says no more than this itself. */
const NOT_FOUND = /\b404\b|Couldn't find package/

const MANAGERS = {
  npm: { tool: ['npm', 'npm'], install: ['install', '--no-audit', '--no-fund'] },
  pnpm: { tool: ['pnpm', 'pnpm'], install: ['add', '--reporter=append-only'] },
  'yarn 1': { tool: ['yarn-classic', 'yarn'], install: ['add', '--non-interactive'] },
  'yarn 4': { tool: ['@yarnpkg/cli-dist', 'yarn'], install: ['add'] },
}

/** The script of a tool that this folder depends on. */
export function tool(packageName, command) {
  return realpathSync(toolFile(packageName, command, HERE))
}

/** An empty folder for a program, an empty home and a PATH with `node` and little else. */
export class Place {
  constructor(node) {
    this.base = realpathSync(mkdtempSync(join(tmpdir(), 'flashstrike-installed-')))
    this.folder = join(this.base, 'program')
    this.node = node
    for (const name of ['program', 'home', 'bin', 'tmp']) mkdirSync(join(this.base, name))
    // Windows lets few users make links, and starts commands in its own way.
    if (process.platform === 'win32') return
    symlinkSync(node, join(this.base, 'bin/node'))
    for (const name of SHELL_TOOLS) {
      const file = process.env.PATH.split(delimiter)
        .map(path => join(path, name))
        .find(existsSync)
      if (file !== undefined) symlinkSync(file, join(this.base, 'bin', name))
    }
  }

  remove() {
    // Windows holds the files of a process a little longer than the process lives.
    rmSync(this.base, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }

  write(name, text) {
    const path = join(this.folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  /** Nothing of this process' environment but what Windows cannot do without. */
  get environment() {
    const { SystemRoot } = process.env
    const at = name => join(this.base, name)
    const [HOME, PATH, tmp] = [at('home'), at('bin'), at('tmp')]
    const windows = { SystemRoot, USERPROFILE: HOME, APPDATA: HOME, LOCALAPPDATA: HOME, TEMP: tmp }
    return { HOME, PATH, TMPDIR: tmp, LANG: 'C.UTF-8', ...(SystemRoot && windows) }
  }

  /** Runs a command in this environment. */
  run(command, args) {
    const options = { cwd: this.folder, bare: true, env: this.environment, limitMs: 15 * 60_000 }
    return collect(command, args, options)
  }

  /** Runs a command that was installed. */
  runCommand(packageName, name, args) {
    const script = join(this.folder, 'node_modules', packageName, 'bin', `${name}.js`)
    if (process.platform === 'win32') return this.run(this.node, [script, ...args])
    return this.run(join(this.folder, 'node_modules/.bin', name), args)
  }

  runNode(args) {
    return this.run(this.node, args)
  }

  /** Runs the TypeScript that was installed. Yarn 4 has one that finds what it has not unpacked. */
  typeCheck(manager, args) {
    const installed = join(this.folder, 'node_modules/typescript/bin/tsc')
    const tsc = manager === 'yarn 4' ? [tool(...MANAGERS[manager].tool), 'tsc'] : [installed]
    return this.runNode([...tsc, ...args])
  }

  /** Installs packages by name from this registry, with install scripts off; throws where that fails. */
  install(manager, registry, names) {
    const { tool: script, install } = MANAGERS[manager]
    this.write('package.json', '{ "name": "program", "private": true, "type": "module" }\n')
    this.write('.npmrc', `registry=${registry}/\nignore-scripts=true\nfetch-timeout=${FETCH_MS}\n`)
    this.write('.yarnrc', `registry "${registry}/"\nignore-scripts true\nnetwork-timeout ${FETCH_MS}\n`)
    const berry = {
      npmRegistryServer: registry,
      unsafeHttpWhitelist: ['127.0.0.1'],
      enableScripts: false,
      enableTelemetry: false,
      httpTimeout: FETCH_MS,
      // It would take nothing that was published just now.
      npmMinimalAgeGate: 0,
    }
    if (manager === 'yarn 4') this.write('.yarnrc.yml', `${JSON.stringify(berry)}\n`)
    return retried(async () => {
      const { code, output } = await this.run(this.node, [tool(...script), ...install, ...names])
      if (code !== 0) throw Object.assign(new ScriptError(`${manager} has failed:\n${output}`), { output })
    }, NOT_FOUND)
  }
}
