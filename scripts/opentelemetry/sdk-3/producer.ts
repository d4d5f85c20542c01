// Compiled by a test of @flashstrike/telemetry: what it gives has to fit the types of this SDK.
import { walMetrics } from '@flashstrike/telemetry'
import {
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'

declare const exporter: PushMetricExporter

export const producers: MetricProducer[] = [walMetrics(), walMetrics().producer({ temporality: 'delta' })]

new PeriodicExportingMetricReader({ exporter, metricProducers: [walMetrics()] })
