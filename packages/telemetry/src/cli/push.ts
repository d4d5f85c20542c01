import type { MetricData } from '../opentelemetry/metric-data.js'
import { walMetrics } from '../wal-metrics.js'
import { endpointOf, PROTOCOLS, type Protocol } from './endpoint.js'
import { EXIT_ERROR, EXIT_OK, UsageError } from './failure.js'
import { Interruption } from './interruption.js'
import { print } from './output.js'
import { Pages } from './page.js'
import { safe } from './text.js'

/** What `push` is asked for. */
interface PushOptions {
  /** Where the collector listens; else the environment says so. */
  readonly endpoint: string | undefined
  /** Else the environment says so. */
  readonly protocol: Protocol | undefined
  readonly intervalMs: number
  readonly once: boolean
}

/** OpenTelemetry's own exporters speak OTLP: whoever wants to push installs the one for the protocol. */
const EXPORTERS: Readonly<Record<Protocol, string>> = {
  'http/protobuf': '@opentelemetry/exporter-metrics-otlp-proto',
  'http/json': '@opentelemetry/exporter-metrics-otlp-http',
  grpc: '@opentelemetry/exporter-metrics-otlp-grpc',
}

const TOO_LATE = 'not pushed: interrupted before the collector had answered'

interface Exporter {
  export(metrics: unknown, done: (result: { readonly code: number; readonly error?: Error }) => void): void
  shutdown(): Promise<void>
}
type ExporterClass = new (options: { readonly url: string }) => Exporter

/** `push`: pages to a collector, until all of their processes have ended, or it is interrupted. */
export async function push(paths: readonly string[], options: PushOptions): Promise<number> {
  const attributes = resource()
  const protocol = options.protocol ?? protocolOfEnvironment()
  const endpoint = endpointOf(options.endpoint, protocol)
  const exporter = await exporterOf(protocol, endpoint.url)
  using pages = new Pages(paths)
  const metrics = walMetrics(...pages.all.map(({ source }) => source))
  using interruption = new Interruption()
  let code: number
  let outcome: string | undefined
  try {
    let isOver: boolean
    do {
      // Looked at first, so that what was counted last before the end is pushed behind it.
      isOver = options.once || interruption.isAsked || !pages.all.some(({ isLive }) => isLive)
      const { resourceMetrics, errors } = await metrics.collect()
      const pushing = pushed(exporter, { ...resourceMetrics, resource: { attributes } })
      outcome = await interruption.bounded(pushing, TOO_LATE)
      const points = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).reduce(countPoints, 0)
      code = outcome === undefined && errors.length === 0 ? EXIT_OK : EXIT_ERROR
      await print(safe(outcome ?? `${new Date().toISOString()} ${points} points to ${endpoint.said}`))
      for (const error of errors)
        await print(`not read: ${safe(error instanceof Error ? error.message : String(error))}`)
      if (!isOver) await interruption.wait(options.intervalMs)
    } while (!isOver && outcome !== TOO_LATE)
  } finally {
    await interruption.bounded(exporter.shutdown(), undefined)
  }
  // An exporter that goes on trying cannot be told to stop, and would keep the process until it gives up.
  if (outcome === TOO_LATE) process.exit(code)
  return code
}

function countPoints(sum: number, { dataPoints }: MetricData): number {
  return sum + dataPoints.length
}

/** Why it could not be pushed, in words; `undefined` if it was. */
function pushed(exporter: Exporter, metrics: unknown): Promise<string | undefined> {
  return new Promise(resolve => {
    exporter.export(metrics, ({ code, error }) => {
      resolve(code === 0 ? undefined : `not pushed: ${error?.message ?? 'the exporter gave no reason'}`)
    })
  })
}

async function exporterOf(protocol: Protocol, url: string): Promise<Exporter> {
  const name = EXPORTERS[protocol]
  let loaded: { readonly OTLPMetricExporter: ExporterClass }
  try {
    loaded = (await import(name)) as typeof loaded
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new UsageError(
      `${protocol} is spoken by OpenTelemetry's own exporter, which is not there: npm install ${name}`,
    )
  }
  return new loaded.OTLPMetricExporter({ url })
}

/** @throws UsageError for what is no protocol */
function protocolOfEnvironment(): Protocol {
  const { OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: metrics, OTEL_EXPORTER_OTLP_PROTOCOL: general } = process.env
  const said = metrics || general || PROTOCOLS[0]
  const known = PROTOCOLS.find(protocol => protocol === said)
  if (known !== undefined) return known
  const name = metrics ? 'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL' : 'OTEL_EXPORTER_OTLP_PROTOCOL'
  throw new UsageError(`${name} is ${said}: it is one of ${PROTOCOLS.join(', ')}`)
}

/** What the environment says of the service, as OpenTelemetry's specification has it. */
function resource(): Record<string, string> {
  const { OTEL_RESOURCE_ATTRIBUTES = '', OTEL_SERVICE_NAME } = process.env
  const attributes = OTEL_RESOURCE_ATTRIBUTES.split(',').flatMap(pair => {
    const at = pair.indexOf('=')
    return at > 0 ? [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]] : []
  })
  const named = OTEL_SERVICE_NAME ? { 'service.name': OTEL_SERVICE_NAME } : {}
  return { 'service.name': 'flashstrike-wal', ...Object.fromEntries(attributes), ...named }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw new UsageError(
      `OTEL_RESOURCE_ATTRIBUTES has ${value}, where a % is none of an escape: write it as %25`,
    )
  }
}
