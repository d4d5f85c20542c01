import { createRequire } from 'node:module'
import type { MetricProducer } from '#src/index.js'

/** As much of a reader as the tests use. */
export interface Reader {
  collect(): Promise<{ errors: unknown[] }>
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

/** As much of an SDK as the tests use; each version has it. */
export interface Sdk {
  readonly PeriodicExportingMetricReader: new (options: {
    exporter: object
    exportIntervalMillis: number
    metricProducers: MetricProducer[]
  }) => Reader
  readonly MeterProvider: new (options: {
    readers: Reader[]
    resource?: object
  }) => {
    getMeter(name: string): { createCounter(name: string): { add(value: number): void } }
    shutdown(): Promise<void>
  }
}

/** The ways in which OTLP goes over the wire. */
export const protocols = ['proto', 'http', 'grpc'] as const
export type Protocol = (typeof protocols)[number]

/** A version of OpenTelemetry's metrics SDK. */
export interface SdkVersion {
  readonly version: string
  readonly folder: URL
  readonly sdk: Sdk
  exporter(protocol: Protocol, url: string): object
  /** What a provider takes for its resource. */
  resource(attributes: Readonly<Record<string, string>>): object
}

interface Resources {
  readonly Resource: new (attributes: object) => object
  /** From SDK 2 on. */
  readonly resourceFromAttributes?: (attributes: object) => object
}

/** The versions that this Node can run: 3 says that it needs 22.15. */
export function sdkVersions(): SdkVersion[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNew = major > 22 || (major === 22 && minor >= 15)
  return ['1', '2', ...(isNew ? ['3'] : [])].map(version => {
    const folder = new URL(`../../../../scripts/opentelemetry/sdk-${version}/`, import.meta.url)
    const require = createRequire(new URL('package.json', folder))
    const ofSdk = createRequire(require.resolve('@opentelemetry/sdk-metrics'))
    return {
      version,
      folder,
      sdk: require('@opentelemetry/sdk-metrics') as Sdk,
      exporter(protocol, url) {
        const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${protocol}`) as {
          OTLPMetricExporter: new (options: { url: string }) => object
        }
        return new OTLPMetricExporter({ url: protocol === 'grpc' ? url : `${url}/v1/metrics` })
      },
      resource(attributes) {
        const { Resource, resourceFromAttributes } = ofSdk('@opentelemetry/resources') as Resources
        return resourceFromAttributes?.(attributes) ?? new Resource(attributes)
      },
    }
  })
}
