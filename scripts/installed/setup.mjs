// What the tests of installed packages share: packages that were packed, a registry that has them, and folders into which
// they are installed by name.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { must, root } from '../lib.mjs'
import { nodeOf } from '../node-versions.mjs'
import { PACKED, tarballs } from '../packing/packages.mjs'
import { givenPackages } from './given.mjs'
import './nodes.mjs'
import { publishFolders, publishRelease, startRegistry } from './registry.mjs'
import { standIns } from './stand-ins.mjs'
import { HERE, Place } from './tools.mjs'

/** The packages that users name. */
export const NAMES = ['@flashstrike/wal-recorder', '@flashstrike/wal-recovery', '@flashstrike/telemetry']
/** Of a package that holds an addon. */
export const PLATFORM = /-(linux|darwin|win32)-/

/** Each way to take them in: imported, required, in a worker. */
export const PROGRAMS = ['module.mjs', 'common.cjs', 'worker.mjs']

/**
 * What was packed, as `tarballs` gives it, in which folder, and what packing and publishing it have said. `printed` is
 * undefined where the packages were given.
 */
export const release = { packed: [], folder: '', printed: undefined, published: '' }
let registry

test.before(async () => {
  if (givenPackages === undefined)
    release.printed = await must('npm run pack', process.execPath, [join(root, 'scripts/pack.mjs')])
  release.folder = givenPackages ?? PACKED
  release.packed = await tarballs(release.folder)
  registry = await startRegistry(await registryNode())
  release.published = await publishRelease(registry.address, release.folder)
  await publishFolders(registry.address, await standIns(release.packed))
})

test.after.always(() => registry?.close())

export function registryAddress() {
  return registry.address
}

export async function registryNode() {
  return (await nodeOf('24'))?.node ?? process.execPath
}

/** A folder with the packages installed by name. */
export async function installed(t, { manager = 'npm', node = process.execPath, extra = [] } = {}) {
  const place = new Place(node)
  t.teardown(() => place.remove())
  await place.install(manager, registry.address, [...NAMES, ...extra])
  cpSync(join(HERE, 'programs'), place.folder, { recursive: true })
  return place
}

export function succeeds(t, { code, output }) {
  t.is(code, 0, output)
  return output
}

/** Runs a program that records, is killed, recovers and reads metrics; gives the folder of its log. */
export async function proves(t, { place, options = [] }, program) {
  const output = succeeds(t, await place.runNode([...options, program]))
  const [, found] = /^proven: (.*)$/m.exec(output) ?? []
  t.truthy(found, `${program}: ${output}`)
  return JSON.parse(found ?? '{}').dir
}
