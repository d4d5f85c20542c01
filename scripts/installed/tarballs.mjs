// What a clone packs, as docs/packages.md says to get it as long as no registry has it.
import { cpSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { testOfClone } from './given.mjs'
import { startRegistry } from './registry.mjs'
import { PROGRAMS, proves, registryNode, release } from './setup.mjs'
import { HERE, Place } from './tools.mjs'

testOfClone('npm run pack prints each package with its sizes, and how they are installed', t => {
  for (const { name, file } of release.packed) {
    const kib = (statSync(file).size / 1024).toFixed(0)
    t.regex(release.printed, new RegExp(`^${name} +${kib} KiB packed, +\\d+ KiB installed, \\d+ files$`, 'm'))
  }
  t.true(release.printed.includes(`npm install ${release.folder}/*.tgz`))
})

// Those that are given are of other platforms too.
testOfClone(
  'its tarballs alone are all that a program needs where no registry knows the packages',
  async t => {
    const { address, close } = await startRegistry(await registryNode(), { name: 'unpublished' })
    t.teardown(close)
    const place = new Place(process.execPath)
    t.teardown(() => place.remove())
    const files = release.packed.map(({ file }) => file)
    await place.install('npm', address, files)
    cpSync(join(HERE, 'programs'), place.folder, { recursive: true })
    for (const program of PROGRAMS) await proves(t, { place }, program)
  },
)
