// Compiled by a test of @flashstrike/telemetry with each SDK: what it gives has to fit the types of all of them.
import { walMetrics } from '@flashstrike/telemetry'
import {
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'

declare const exporter: PushMetricExporter

export const producers: MetricProducer[] = [walMetrics(), walMetrics().producer({ temporality: 'delta' })]

new PeriodicExportingMetricReader({ exporter, metricProducers: [walMetrics()] })
