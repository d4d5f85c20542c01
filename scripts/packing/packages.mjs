// From the workspace's packages to tarballs: those that users name, and one for each addon and platform.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addons, PNPM } from '../bootstrap.mjs'
import { answer, must, readJson, retried, root, ScriptError } from '../lib.mjs'
import { checkAddon } from './addon-file.mjs'
import { platformManifest, platformReadme, rootManifest } from './manifests.mjs'
import { thirdPartyNotices } from './notices.mjs'
import { addPage, addPages } from './pages.mjs'
import { platforms } from './platforms.mjs'
import { checkSize } from './sizes.mjs'

/** Where the tarballs are. */
export const PACKED = join(root, 'target/packages')
const STAGE = join(root, 'target/packages-staged')

/** Packs everything into an empty folder; gives name and sizes of each package. */
export async function packAll({ addons: from, all = false, release = false } = {}) {
  for (const folder of [PACKED, STAGE]) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
  }
  const known = await platforms()
  const roots = await stageRoots(known)
  const staged = []
  for (const owner of roots.filter(({ addon }) => addon !== undefined)) {
    staged.push(...(await stageAddons(owner, known, { from, all, release })))
  }
  const packed = []
  for (const folder of [...staged, ...roots.map(({ folder }) => folder)]) packed.push(await pack(folder))
  for (const result of packed) checkSize(result)
  return packed
}

/** Name and file of each package in a folder, as it was packed before. */
export async function tarballs(folder) {
  const files = readdirSync(folder).filter(name => name.endsWith('.tgz'))
  if (files.length === 0) throw new ScriptError(`there is no package in ${folder}`)
  return Promise.all(files.map(name => manifestOf(join(folder, name))))
}

/** Name and version of a tarball, and what else its manifest says. */
async function manifestOf(file) {
  const text = await answer('tar', 'tar', ['-xOzf', file, 'package/package.json'])
  return { ...JSON.parse(text), file }
}

/** What pnpm would publish of each package, as folders with their last manifest. */
async function stageRoots(known) {
  const tarballs = join(STAGE, 'tarballs')
  mkdirSync(tarballs)
  const filter = ['--recursive', '--filter', './packages/*']
  const args = ['-y', PNPM, ...filter, 'pack', '--pack-destination', tarballs]
  await retried(() => must('pnpm pack', 'npx', args, { env: { CI: 'true' } }))
  const roots = []
  for (const file of readdirSync(tarballs)) {
    const folder = join(STAGE, file.replace(/-\d.*$/, ''))
    mkdirSync(folder)
    await must('unpacking', 'tar', ['-xzf', join(tarballs, file), '-C', folder, '--strip-components=1'])
    roots.push({ folder, ...finishRoot(folder, known) })
  }
  return roots
}

function finishRoot(folder, known) {
  const path = join(folder, 'package.json')
  const manifest = readJson(path)
  const name = manifest.name.slice(manifest.name.indexOf('/') + 1)
  const addon = addons.includes(name) ? name : undefined
  const added = addPages(folder, manifest)
  writeJson(path, rootManifest(manifest, addon === undefined ? [] : known, added))
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  withoutSourceMaps(join(folder, 'dist'))
  return { addon, manifest }
}

/** The maps are larger than the code, which reads like its source: they are not packed, so nothing may ask for them. */
function withoutSourceMaps(dist) {
  for (const path of readdirSync(dist, { recursive: true })) {
    if (!path.endsWith('.js')) continue
    const file = join(dist, path)
    writeFileSync(file, readFileSync(file, 'utf8').replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'))
  }
}

/** The packages of one addon, of those platforms for which it is there. */
async function stageAddons({ manifest, addon }, known, { from, all, release }) {
  const staged = []
  for (const platform of known) {
    const file = `${addon}.${platform.name}.node`
    const binary = join(from ?? join(root, 'packages', addon, 'native'), file)
    if (!existsSync(binary)) {
      if (all) throw new ScriptError(`there is no ${binary}`)
      continue
    }
    await checkAddon(binary, platform, { release })
    const folder = join(STAGE, `${addon}-${platform.name}`)
    mkdirSync(folder)
    cpSync(binary, join(folder, file))
    writeJson(join(folder, 'package.json'), platformManifest(manifest, platform, file, readFileSync(binary)))
    writeFileSync(join(folder, 'README.md'), platformReadme(manifest, platform))
    cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
    addPage(folder, 'CHANGELOG.md', [], manifest)
    writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), await thirdPartyNotices(addon, platform))
    staged.push(folder)
  }
  if (staged.length === 0) throw new ScriptError(`there is no addon of ${manifest.name} to pack`)
  return staged
}

async function pack(folder) {
  const args = [
    'pack',
    folder,
    '--pack-destination',
    PACKED,
    '--json',
    '--ignore-scripts',
    '--loglevel=error',
  ]
  const output = await answer('npm pack', 'npm', args, { cwd: PACKED })
  const [{ name, size, unpackedSize, entryCount }] = JSON.parse(output)
  return { name, packedBytes: size, bytes: unpackedSize, files: entryCount }
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}
