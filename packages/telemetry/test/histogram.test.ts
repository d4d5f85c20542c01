import test from 'ava'
import * as fc from 'fast-check'
import { bucketEnd, gained, greatest, onLogAxis, quantile } from '#src/histogram.js'
import type { HistogramValue, Metric } from '#src/index.js'
import { walMetrics } from '#src/index.js'
import { goldenBytes, sourceOf } from './support.js'

/** A histogram of so many values in each bucket from `offset` on. */
function histogram(offset: number, bucketCounts: readonly number[]): HistogramValue {
  const count = bucketCounts.reduce((sum, count) => sum + count, 0)
  return { count, sum: 0, scale: 3, offset, bucketCounts }
}

const counts = fc
  .array(fc.nat(5), { minLength: 1, maxLength: 30 })
  .filter(counts => counts[0] !== 0 && counts.at(-1) !== 0)

test('quantiles are those that the snapshot has', t => {
  const [source] = walMetrics(sourceOf(goldenBytes)).snapshot().sources
  const spreads = (source?.metrics ?? []).flatMap((metric: Metric) => {
    if (metric.kind === 'operation') return [metric.value.duration]
    return metric.kind === 'duration' || metric.kind === 'distribution' ? [metric.value] : []
  })
  const measured = spreads.filter(({ count }) => count > 0)
  t.true(measured.length > 0)
  for (const spread of measured) {
    for (const [q, expected] of [
      [0.5, spread.quantiles?.p50],
      [0.9, spread.quantiles?.p90],
      [0.99, spread.quantiles?.p99],
      [0.999, spread.quantiles?.p999],
    ] as const) {
      const found = quantile(spread, q) ?? Number.NaN
      t.true(Math.abs(found / (expected ?? 0) - 1) < 1e-9, `${q}: ${found} is not ${expected}`)
    }
    t.is(greatest(spread), spread.max)
  }
})

test('a quantile lies in the bucket in which its value lies', async t => {
  await fc.assert(
    fc.property(
      counts,
      fc.integer({ min: -200, max: 60 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (counts, offset, q) => {
        const spread = histogram(offset, counts)
        const places = counts.flatMap((count, place) => new Array<number>(count).fill(place))
        const place = places[Math.max(1, Math.ceil(q * places.length)) - 1] ?? Number.NaN
        const found = quantile(spread, q) ?? Number.NaN
        t.true(found > bucketEnd(spread, place - 1) && found <= bucketEnd(spread, place))
      },
    ),
  )
  t.is(quantile(histogram(0, []), 0.5), undefined)
  t.is(greatest(histogram(0, [])), undefined)
})

test('every value has a place on an axis, in order', async t => {
  await fc.assert(
    fc.property(
      counts,
      fc.integer({ min: -300, max: 100 }),
      fc.integer({ min: 1, max: 60 }),
      (counts, offset, parts) => {
        const found = onLogAxis(histogram(offset, counts), 1e-7, 10, parts)
        t.is(found.length, parts)
        t.is(
          found.reduce((sum, count) => sum + count, 0),
          counts.reduce((sum, count) => sum + count, 0),
        )
      },
    ),
  )
  t.deepEqual(onLogAxis(histogram(-8, [7]), 1e-7, 10, 8), [0, 0, 0, 0, 0, 0, 7, 0], 'half a second')
})

test('what a histogram gained is what it has now without what it had', async t => {
  await fc.assert(
    fc.property(counts, counts, (before, after) => {
      const length = Math.max(before.length, after.length)
      const both = Array.from({ length }, (_, i) => (before[i] ?? 0) + (after[i] ?? 0))
      t.deepEqual(gained(histogram(-3, both), histogram(-3, before)).bucketCounts, after)
    }),
  )
})
