// OpenTelemetry's SDK: an instrument that is counted in exponential buckets, with one attribute, and a reader that
// collects nothing meanwhile.
import { AggregationType, InstrumentType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'

class IdleReader extends MetricReader {
  onForceFlush() {}
  onShutdown() {}
}

function meterOf(reader) {
  const views = [
    {
      instrumentType: InstrumentType.HISTOGRAM,
      aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM },
    },
  ]
  return new MeterProvider({ readers: [reader], views }).getMeter('bench')
}

export function histogram() {
  const made = meterOf(new IdleReader()).createHistogram('duration', { unit: 's' })
  const attributes = { subsystem: 'manager' }
  return seconds => made.record(seconds, attributes)
}

/** As many metrics as a recorder has, each recorded once, and what reads all of them. */
export function registry(histograms, numbers) {
  const reader = new IdleReader()
  const meter = meterOf(reader)
  for (let i = 0; i < histograms; i++) meter.createHistogram(`histogram.${i}`).record(1)
  for (let i = 0; i < numbers; i++) meter.createCounter(`counter.${i}`).add(1)
  return { snapshot: () => reader.collect() }
}
