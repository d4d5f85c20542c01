import type { HistogramValue, Metric, SourceSnapshot } from '#src/index.js'

/** What a series has to be, made from a snapshot by the rules of docs/telemetry.md alone. */
export interface Expected {
  readonly type: 'sum' | 'gauge' | 'histogram'
  readonly unit: string
  readonly value: number | HistogramValue
}

/** Every series of these sources, by name and attributes as {@link seriesKey} writes them. */
export function expectedSeries(sources: readonly SourceSnapshot[]): Map<string, Expected> {
  const all = new Map<string, Expected>()
  for (const { labels, metrics } of sources) {
    for (const metric of metrics) {
      const attributes = { ...metric.attributes, ...labels }
      for (const { name, more, ...series } of ofMetric(metric))
        all.set(seriesKey(name, { ...attributes, ...more }), series)
    }
  }
  return all
}

/** A series' name and attributes as one text, whatever the order of the attributes. */
export function seriesKey(name: string, attributes: Readonly<Record<string, string>>): string {
  return JSON.stringify([name, Object.entries(attributes).sort()])
}

function ofMetric({
  name,
  unit,
  ...metric
}: Metric): (Expected & { name: string; more?: Record<string, string> })[] {
  const sum = (ending: string, unit: string, more: Record<string, string>, value: number) =>
    ({ type: 'sum', name: name + ending, unit, more, value }) as const
  switch (metric.kind) {
    case 'operation':
      return [
        { type: 'histogram', name: `${name}.duration`, unit, value: metric.value.duration },
        sum('.operations', '{operation}', { outcome: 'ok' }, metric.value.ok),
        sum('.operations', '{operation}', { outcome: 'failed' }, metric.value.failed),
      ]
    case 'duration':
      return [{ type: 'histogram', name: `${name}.duration`, unit, value: metric.value }]
    case 'distribution':
      return [{ type: 'histogram', name, unit, value: metric.value }]
    case 'counter':
      return [{ type: 'sum', name, unit, value: metric.value }]
    case 'gauge':
    case 'constant_gauge':
      return [{ type: 'gauge', name, unit, value: metric.value }]
    case 'life_cycle':
      return [
        sum('.cycles', '{cycle}', { state: 'active' }, metric.value.activeCycles),
        sum('.cycles', '{cycle}', { state: 'idle' }, metric.value.idleCycles),
        sum('.time', 's', { state: 'active' }, metric.value.activeSeconds),
        sum('.time', 's', { state: 'idle' }, metric.value.idleSeconds),
      ]
  }
}
