import { createRequire } from 'node:module'
import test from 'ava'
import { AddonMissingError, loadAddon } from '#src/native.js'

test('a missing binary is told with the platform, the package and the way out', t => {
  const error = t.throws(() => loadAddon(new URL('file:///nowhere/binding.cjs')), {
    instanceOf: AddonMissingError,
  })
  t.is(error?.code, 'WAL_UNSUPPORTED')
  t.regex(
    error?.message ?? '',
    new RegExp(`for ${process.platform}-${process.arch}: looked for @flashstrike/telemetry-`),
  )
  t.truthy(error?.cause)
})

test('a program that is no ES module has it with require, where its Node knows how', t => {
  // Node 20.19 and 22.12 on; the older ones give such programs `import()` alone.
  if (process.features.require_module !== true) {
    t.pass()
    return
  }
  const { walMetrics } = createRequire(import.meta.url)('@flashstrike/telemetry') as {
    walMetrics(): { dump(): string }
  }
  t.is(walMetrics().dump(), '')
})
