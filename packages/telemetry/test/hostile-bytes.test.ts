import test from 'ava'
import fc from 'fast-check'
import { walMetrics } from '#src/index.js'
import { goldenBytes, sourceOf } from './support.js'

const golden = goldenBytes()

test('changed bytes give an error or a snapshot, and never anything else', async t => {
  const change = fc.record({
    // Header and catalogue, where everything is a length or a kind, as often as the words behind them.
    at: fc.oneof(fc.nat(47), fc.nat(15_999), fc.nat(golden.length - 1)),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
  })
  const damage = fc.record({
    changes: fc.array(change, { minLength: 1, maxLength: 6 }),
    length: fc.option(fc.nat(golden.length), { freq: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(damage, async ({ changes, length }) => {
      const bytes = golden.slice(0, length ?? golden.length)
      for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte
      const metrics = walMetrics(sourceOf(() => bytes))
      const { sources, errors } = metrics.snapshot()
      t.is(sources.length + errors.length, 1)
      t.true(errors.every(({ code }) => code === 'WAL_METRICS' || code === 'WAL_UNSUPPORTED'))
      const collection = await metrics.collect()
      t.is(collection.errors.length, errors.length)
      t.true(metrics.dump().length > 0 || sources[0]?.metrics.length === 0)
    }),
    { numRuns: 500 },
  )
})
