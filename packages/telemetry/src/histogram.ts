import type { HistogramValue } from './snapshot.js'

/**
 * What a histogram has gained since it was copied before. Least and greatest value are those since the beginning, so
 * that a part of it has none.
 */
export function gained(now: HistogramValue, before: HistogramValue): HistogramValue {
  const counts = now.bucketCounts.map(
    (count, i) => count - (before.bucketCounts[now.offset + i - before.offset] ?? 0),
  )
  const first = counts.findIndex(count => count > 0)
  let end = counts.length
  while (end > 0 && !((counts[end - 1] ?? 0) > 0)) end -= 1
  const bucketCounts = first < 0 ? [] : counts.slice(first, end)
  return {
    count: bucketCounts.reduce((sum, count) => sum + count, 0),
    sum: Math.max(now.sum - before.sum, 0),
    scale: now.scale,
    offset: first < 0 ? 0 : now.offset + first,
    bucketCounts,
  }
}

/** Where the bucket at this place of `bucketCounts` ends, in the metric's unit; the one before ends where it begins. */
export function bucketEnd({ scale, offset }: HistogramValue, place: number): number {
  return 2 ** ((offset + place + 1) / 2 ** scale)
}

/**
 * What a share `q` of the values does not exceed: the geometric middle of its bucket, no less than the least and no
 * more than the greatest value where those are known. `undefined`: there is no value.
 */
export function quantile(histogram: HistogramValue, q: number): number | undefined {
  const { count, bucketCounts, min = 0, max = Number.POSITIVE_INFINITY } = histogram
  if (count === 0) return undefined
  const rank = Math.max(1, Math.ceil(q * count))
  let seen = 0
  const place = bucketCounts.findIndex(inBucket => {
    seen += inBucket
    return seen >= rank
  })
  const middle = Math.sqrt(bucketEnd(histogram, place - 1) * bucketEnd(histogram, place))
  return Math.min(Math.max(middle, min), max)
}

/** The greatest value: exactly where it is known, else the end of the last bucket. */
export function greatest(histogram: HistogramValue): number | undefined {
  if (histogram.count === 0) return undefined
  return histogram.max ?? bucketEnd(histogram, histogram.bucketCounts.length - 1)
}

/**
 * How many values lie in each of `parts` equal parts of a logarithmic axis. What lies outside is in the first or the
 * last one; a bucket is in the part that its middle lies in.
 */
export function onLogAxis(histogram: HistogramValue, from: number, to: number, parts: number): number[] {
  const found = new Array<number>(parts).fill(0)
  const width = Math.log2(to / from)
  histogram.bucketCounts.forEach((count, i) => {
    const middle = (histogram.offset + i + 0.5) / 2 ** histogram.scale
    const part = Math.floor(((middle - Math.log2(from)) / width) * parts)
    const within = Math.min(Math.max(part, 0), parts - 1)
    found[within] = (found[within] ?? 0) + count
  })
  return found
}
