/** Where OTLP goes: what the command line says, else what the environment says, as OpenTelemetry's specification has it. */
import { UsageError } from './failure.js'

/** How OTLP is spoken. */
export type Protocol = (typeof PROTOCOLS)[number]

/** Every way, the usual one first. */
export const PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const

const METRICS_PATH = 'v1/metrics'

/** Where a collector is. */
interface Endpoint {
  /** As it was said. */
  readonly said: string
  /** What is asked. */
  readonly url: string
}

/**
 * `given` and a general endpoint of the environment are those of a collector, the environment's one for metrics is taken
 * as it is. Variables that are empty are none.
 *
 * @throws UsageError for what is no URL of http
 */
export function endpointOf(given: string | undefined, protocol: Protocol): Endpoint {
  const { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: metrics, OTEL_EXPORTER_OTLP_ENDPOINT: general } = process.env
  const url = (name: string, text: string) => parsed(name, text, protocol)
  if (given !== undefined) return { said: given, url: withPath(url('--endpoint', given), protocol) }
  if (metrics) return { said: metrics, url: url('OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', metrics).href }
  if (general) return { said: general, url: below(url('OTEL_EXPORTER_OTLP_ENDPOINT', general), protocol) }
  const usual = `http://localhost:${usualPort(protocol)}`
  return { said: usual, url: below(new URL(usual), protocol) }
}

function parsed(name: string, text: string, protocol: Protocol): URL {
  // Of gRPC host and port are enough.
  const full = protocol === 'grpc' && !text.includes('://') ? `http://${text}` : text
  const url = URL.canParse(full) ? new URL(full) : undefined
  // `localhost:4318` is a URL too, of a protocol called localhost.
  if (url !== undefined && ['http:', 'https:'].includes(url.protocol)) return url
  throw new UsageError(
    `${name} ${text} is no URL of http: it is one such as http://localhost:${usualPort(protocol)}`,
  )
}

function usualPort(protocol: Protocol): number {
  return protocol === 'grpc' ? 4317 : 4318
}

/** The path of metrics where none is said. */
function withPath(url: URL, protocol: Protocol): string {
  return url.pathname === '/' ? below(url, protocol) : url.href
}

/** The path of metrics below that of a collector. */
function below(url: URL, protocol: Protocol): string {
  if (protocol !== 'grpc') url.pathname += (url.pathname.endsWith('/') ? '' : '/') + METRICS_PATH
  return url.href
}
