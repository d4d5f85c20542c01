import test from 'ava'
import { AddonMissingError, loadAddon } from '#src/native.js'

test('a missing binary is told with the platform, the package and the way out', async t => {
  const error = await t.throwsAsync(loadAddon(new URL('file:///nowhere/binding.js')), {
    instanceOf: AddonMissingError,
  })
  t.is(error?.code, 'WAL_UNSUPPORTED')
  t.regex(
    error?.message ?? '',
    new RegExp(`for ${process.platform}-${process.arch}: looked for @flashstrike/telemetry-`),
  )
  t.truthy(error?.cause)
})
