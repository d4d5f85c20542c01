// Packages in place of those for other platforms. A release has them all, every package manager asks for them, Yarn 1
// does not go on without them, and none may take one for another platform's.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addons } from '../bootstrap.mjs'
import { readJson, root } from '../lib.mjs'
import { platformManifest } from '../packing/manifests.mjs'
import { platforms } from '../packing/platforms.mjs'

const CONTENTS = 'no addon'
const OUT = join(root, 'target/installed/stand-ins')

/** Folders to publish: one for each addon and platform that was not packed. */
export async function standIns(packed) {
  rmSync(OUT, { recursive: true, force: true })
  const known = new Set(packed.map(({ name }) => name))
  const folders = []
  for (const addon of addons) {
    const owner = readJson(join(root, 'packages', addon, 'package.json'))
    for (const platform of await platforms()) {
      const file = `${addon}.${platform.name}.node`
      const manifest = platformManifest(owner, platform, file, CONTENTS)
      if (known.has(manifest.name)) continue
      const folder = join(OUT, `${addon}-${platform.name}`)
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
      writeFileSync(join(folder, file), CONTENTS)
      folders.push(folder)
    }
  }
  return folders
}
