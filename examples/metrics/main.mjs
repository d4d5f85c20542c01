// A recorder that is watched: node main.mjs DIRECTORY
//
// Prometheus scrapes http://127.0.0.1:9464/metrics (METRICS_PORT), and a collector gets the same pushed over OTLP where
// OTEL_EXPORTER_OTLP_ENDPOINT says, every OTEL_METRIC_EXPORT_INTERVAL milliseconds.
import { walMetrics } from '@flashstrike/telemetry'
import { Recorder } from '@flashstrike/wal-recorder'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'

const [, , dir = './watched'] = process.argv
const wal = await Recorder.open({ dir, syncIntervalMs: 100 })

const metrics = walMetrics(wal)
const server = await metrics.serve({ port: Number(process.env.METRICS_PORT ?? 9464) })
const reader = new PeriodicExportingMetricReader({
  exporter: new OTLPMetricExporter(), // it reads OTEL_EXPORTER_OTLP_ENDPOINT itself
  exportIntervalMillis: Number(process.env.OTEL_METRIC_EXPORT_INTERVAL ?? 60_000),
  metricProducers: [metrics],
})
const provider = new MeterProvider({ readers: [reader] })

for (let i = 1; i <= 1000; i += 1) wal.append(`event ${i}`)
await wal.durable()
console.log(server.url)

const work = setInterval(() => wal.append('one more'), 1000)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end)

async function end() {
  clearInterval(work)
  await wal.close() // a closed recorder still says what it held in the end
  await provider.shutdown() // pushes that
  await server.close()
}
