// Publishing as a release does, from nothing, again, and half-way.
import test from 'ava'
import { publishRelease, startRegistry } from './registry.mjs'
import { PLATFORM, registryAddress, registryNode, release } from './setup.mjs'

const isOurs = name => name.startsWith('@flashstrike/')

/** Names of the packages that publishing says something of, in order. */
function namesIn(output, what = 'published') {
  return [...output.matchAll(/^(@\S+) \S+ (.*)$/gm)].filter(line => line[2] === what).map(line => line[1])
}

test('a release publishes all addons first and each package behind those that it names', t => {
  const order = namesIn(release.published)
  t.deepEqual([...order].sort(), release.packed.map(({ name }) => name).sort())
  const lastAddon = order.findLastIndex(name => PLATFORM.test(name))
  t.is(lastAddon + 1, order.filter(name => PLATFORM.test(name)).length)
  for (const { name, dependencies, optionalDependencies } of release.packed) {
    const others = Object.keys({ ...dependencies, ...optionalDependencies }).filter(isOurs)
    for (const other of others) t.true(order.indexOf(other) < order.indexOf(name), other)
  }
})

test('a release that is started again passes over what is there', async t => {
  const again = await publishRelease(registryAddress(), release.folder)
  t.deepEqual(namesIn(again, 'is published'), namesIn(release.published))
  t.deepEqual(namesIn(again), [])
})

for (const [what, isRefused] of [
  ['an addon', name => name.startsWith('@flashstrike/wal-recorder-')],
  ['a package that users name', name => name === '@flashstrike/wal-recovery'],
]) {
  test(`a release stops where the registry refuses ${what}, and goes on from there`, async t => {
    const order = namesIn(release.published)
    const at = order.findIndex(isRefused)
    t.true(at > 0 && at < order.length - 1)
    const refused = order[at]
    const releaseTo = async options => {
      const { address, close } = await startRegistry(await registryNode(), { name: 'half-way', ...options })
      return publishRelease(address, release.folder).finally(close)
    }
    const { output } = await t.throwsAsync(releaseTo({ refused }))
    t.deepEqual(namesIn(output), order.slice(0, at))
    const again = await releaseTo({ goOn: true })
    t.deepEqual(namesIn(again, 'is published'), order.slice(0, at))
    t.deepEqual(namesIn(again), order.slice(at))
  })
}
