// Compiled by a test of @flashstrike/telemetry with each SDK and its exporters: as a program puts them together.
import { walMetrics } from '@flashstrike/telemetry'
import { OTLPMetricExporter as GrpcExporter } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'

const url = 'http://localhost:4318/v1/metrics'
const exporters = [new ProtobufExporter({ url }), new JsonExporter({ url }), new GrpcExporter({ url })]
const readers = exporters.map(
  exporter => new PeriodicExportingMetricReader({ exporter, metricProducers: [walMetrics()] }),
)
new MeterProvider({ readers })
