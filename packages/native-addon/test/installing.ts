// A program's folder with packages as they are installed, and what the loader says there.
import { cp, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { PackedContents } from '#src/contents.js'
import { type AddonDescription, loadAddon } from '#src/index.js'
import { platformName, SUPPORTED } from '#src/platform.js'

export const OWNER = '@flashstrike/wal-recorder'
export const HERE = platformName()
export const OTHER = SUPPORTED.find(name => name !== HERE) ?? ''

export class Refused extends Error {}

/** A program's folder with the package installed, and the package's module that wants the addon. */
export async function install(t: ExecutionContext) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'native-addon-')))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const owner = join(folder, 'node_modules', OWNER)
  await write(join(owner, 'package.json'), '{ "name": "@flashstrike/wal-recorder" }')
  return { folder, owner, module: join(owner, 'dist/native.js') }
}

/** Installs a platform's package, below `folder`, with these bytes as its addon; by default the real one. */
export async function installPlatform(
  folder: string,
  platform: string,
  { bytes, from = 'wal-recorder', addon }: Binary = {},
) {
  const home = join(folder, 'node_modules', `${OWNER}-${platform}`)
  const file = `wal-recorder.${platform}.node`
  await write(join(home, 'package.json'), JSON.stringify({ main: file, addon }))
  if (bytes === undefined) await cp(await built(from), join(home, file))
  else await write(join(home, file), bytes)
  return join(home, file)
}

interface Binary {
  readonly bytes?: string | Buffer
  readonly from?: string
  /** What packing has written of it into the package. */
  readonly addon?: PackedContents
}

/** What was built of a package in this clone. */
export async function built(name: string): Promise<string> {
  const folder = fileURLToPath(new URL(`../../../${name}/native/`, import.meta.url))
  const file = (await readdir(folder)).find(entry => entry.endsWith(`${HERE}.node`))
  if (file === undefined) throw new Error(`${name} is not built for ${HERE}`)
  return join(folder, file)
}

export async function write(path: string, text: string | Buffer) {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

export function wanted(file: string | undefined): AddonDescription {
  return {
    packageName: OWNER,
    from: file && pathToFileURL(file).href,
    error: (message, options) => new Refused(message, options),
  }
}

export function refusal(t: ExecutionContext, file: string, platform?: string): string {
  const error = t.throws(() => loadAddon(wanted(file), platform), { instanceOf: Refused })
  t.log(error?.message)
  return error?.message ?? ''
}
