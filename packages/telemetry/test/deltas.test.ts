import test from 'ava'
import * as fc from 'fast-check'
import type { HistogramValue } from '#src/index.js'
import { Deltas } from '#src/opentelemetry/deltas.js'
import type { Series } from '#src/series.js'

/** The histogram of values that are their bucket's index. */
function histogramOf(values: readonly number[]): HistogramValue {
  if (values.length === 0) return { count: 0, sum: 0, scale: 3, offset: 0, bucketCounts: [] }
  const offset = Math.min(...values)
  const bucketCounts = new Array<number>(Math.max(...values) - offset + 1).fill(0)
  for (const value of values) bucketCounts[value - offset] = (bucketCounts[value - offset] ?? 0) + 1
  return {
    count: values.length,
    sum: values.reduce((sum, value) => sum + value, 0),
    scale: 3,
    offset,
    bucketCounts,
  }
}

test('where the clock is put back no time is told of twice, and none ends before it begins', t => {
  const [deltas, source] = [new Deltas(), {}]
  const told = [100, 200, 150, 180, 250].map(second => {
    const { since, until } = deltas.of(source, {
      startTime: [50, 0],
      time: [second, 0],
      series: [],
      source: null,
    })
    return [since[0], until[0]]
  })
  t.deepEqual(told, [
    [50, 100],
    [100, 200],
    [200, 200],
    [200, 200],
    [200, 250],
  ])
})

test('what came since the collection before is the histogram of exactly that', async t => {
  // Neighbours, and buckets far apart.
  const value = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 40 }))
  const parts = fc.array(fc.array(value, { maxLength: 6 }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.property(parts, parts => {
      const [deltas, source] = [new Deltas(), {}]
      const all: number[] = []
      for (const [at, part] of parts.entries()) {
        all.push(...part)
        const series: Series[] = [
          { type: 'histogram', name: 'h', unit: 's', help: '', attributes: {}, value: histogramOf(all) },
          { type: 'sum', name: 's', unit: '{event}', help: '', attributes: { a: 'b' }, value: all.length },
        ]
        const read = { startTime: [1, 0], time: [2, at], series, source: null } as const
        const { since, series: found } = deltas.of(source, read)
        t.deepEqual(since, at === 0 ? [1, 0] : [2, at - 1])
        t.deepEqual(
          found.map(({ value }) => value),
          [histogramOf(part), part.length],
        )
      }
    }),
  )
})
