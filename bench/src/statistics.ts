/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length / 2
  const low = sorted[Math.ceil(half) - 1] ?? Number.NaN
  const high = sorted[Math.floor(half)] ?? Number.NaN
  return (low + high) / 2
}

/** The smallest value that at least so many percent of all values do not exceed. */
export function percentile(values: ArrayLike<number>, percent: number): number {
  return percentileOfSorted(Float64Array.from(values).sort(), percent)
}

/** The same of values in ascending order. */
export function percentileOfSorted(sorted: ArrayLike<number>, percent: number): number {
  const rank = Math.max(Math.ceil((sorted.length * percent) / 100), 1)
  return sorted[rank - 1] ?? Number.NaN
}
