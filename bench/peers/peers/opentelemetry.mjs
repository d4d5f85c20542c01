// OpenTelemetry's SDK: an instrument that is counted in exponential buckets, with one attribute, and a reader that
// collects nothing meanwhile.
import { AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'

class IdleReader extends MetricReader {
  onForceFlush() {}
  onShutdown() {}
}

export function histogram() {
  const provider = new MeterProvider({
    readers: [new IdleReader()],
    views: [{ instrumentName: '*', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  })
  const made = provider.getMeter('bench').createHistogram('duration', { unit: 's' })
  const attributes = { subsystem: 'manager' }
  return seconds => made.record(seconds, attributes)
}
