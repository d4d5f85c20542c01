/**
 * How Prometheus reads metrics:
 *
 * - `text`: its classic text, version 0.0.4.
 * - `openmetrics`: OpenMetrics text, version 1.0.0.
 * - `protobuf`: `io.prometheus.client.MetricFamily` messages, each behind its length, with native histograms and the
 *   classic buckets beside them.
 */
export type PrometheusFormat = (typeof FORMATS)[number]

/** Every format, the one that fits everybody first. */
export const FORMATS = ['text', 'openmetrics', 'protobuf'] as const

/** What a response says that it is. */
export const CONTENT_TYPES: Readonly<Record<PrometheusFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
}
