/** What Prometheus has to hold, made from a snapshot by the rules of docs/telemetry.md alone. */
import type { HistogramValue, SourceSnapshot } from '#src/index.js'
import { expectedSeries } from './expected-series.js'
import type { Found } from './prometheus-process.js'

/** What each series holds, by its name and labels as {@link seriesOf} writes them. */
export type Samples = ReadonlyMap<string, unknown>

type Labels = Readonly<Record<string, string>>

function seriesOf(name: string, labels: Labels): string {
  return JSON.stringify([name, Object.entries(labels).sort()])
}

/** How a histogram becomes series: with classic buckets many, as a native one a single one. */
export type Histograms = (name: string, labels: Labels, histogram: HistogramValue) => [string, unknown][]

/** Of these sources, each with the label `source` that it gets, if any. */
export function expectedSamples(
  sources: readonly { readonly snapshot: SourceSnapshot; readonly source?: string | undefined }[],
  histograms: Histograms,
): Map<string, unknown> {
  const all = new Map<string, unknown>()
  for (const { snapshot, source } of sources) {
    for (const [key, { type, unit, value }] of expectedSeries([snapshot])) {
      const [otel, attributes] = JSON.parse(key) as [string, [string, string][]]
      const name = prometheusName(otel, unit, type)
      // A label without a value is none.
      const given = attributes.filter(([, value]) => value !== '')
      const safe = Object.fromEntries(given.map(([label, value]) => [label.replaceAll('.', '_'), value]))
      const labels = source === undefined ? safe : { ...safe, source }
      const series: [string, unknown][] =
        typeof value === 'number' ? [[seriesOf(name, labels), value]] : histograms(name, labels, value)
      for (const [one, held] of series) all.set(one, held)
    }
  }
  return all
}

function prometheusName(name: string, unit: string, type: string): string {
  const word = { s: '_seconds', By: '_bytes' }[unit] ?? ''
  const base = name.replaceAll('.', '_')
  return base + (base.endsWith(word) ? '' : word) + (type === 'sum' ? '_total' : '')
}

/** Cumulative counts up to fixed bounds, the bounds as half octaves. */
export const classic: Histograms = (name, labels, { count, sum, offset, bucketCounts }) => {
  const isTime = name.endsWith('_seconds')
  const halves = Array.from({ length: isTime ? 55 : 33 }, (_, i) => (isTime ? i - 48 : 2 * i))
  const upTo = (half: number) =>
    bucketCounts.slice(0, Math.max(half * 4 - offset, 0)).reduce((sum, count) => sum + count, 0)
  const bucket = (le: string, count: number): [string, number] => [
    seriesOf(`${name}_bucket`, { ...labels, le }),
    count,
  ]
  return [
    ...halves.map(half => bucket(String(half), upTo(half))),
    bucket('+Inf', count),
    [seriesOf(`${name}_count`, labels), count],
    [seriesOf(`${name}_sum`, labels), sum],
  ]
}

/** The buckets themselves, by index. */
export const native: Histograms = (name, labels, { count, sum, offset, bucketCounts }) => {
  const buckets = bucketCounts.map((count, i) => [offset + i, count]).filter(([, count]) => count !== 0)
  return [[seriesOf(name, labels), { count, sum, buckets }]]
}

/** What Prometheus found, without its own labels and series and without what only OpenMetrics tells. */
export function foundSamples(results: readonly Found[]): Map<string, unknown> {
  const all = new Map<string, unknown>()
  for (const { metric, value, histogram } of results) {
    const { __name__: name = '', job: _job, instance: _instance, le, ...labels } = metric
    if (/^(up|scrape_.*|.*_created)$/.test(name)) continue
    const series = seriesOf(name, le === undefined ? labels : { ...labels, le: halfOctaves(le) })
    if (histogram === undefined) all.set(series, Number(value?.[1]))
    else {
      const [, { count, sum, buckets = [] }] = histogram
      const counts = buckets.map(([, , upper, count]) => [
        Math.round(Math.log2(Number(upper)) * 8) - 1,
        Number(count),
      ])
      all.set(series, { count: Number(count), sum: Number(sum), buckets: counts })
    }
  }
  return all
}

function halfOctaves(le: string): string {
  return le === '+Inf' ? le : String(Math.round(Math.log2(Number(le)) * 2))
}
