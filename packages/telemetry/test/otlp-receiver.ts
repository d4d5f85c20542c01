import { once } from 'node:events'
import { createRequire } from 'node:module'

/** A whole number as OTLP's JSON and protobuf give it: a text if it may be too large for a number. */
type Whole = number | string

/** A point as it arrived. */
export interface ReceivedPoint {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[]
  readonly startTimeUnixNano: Whole
  readonly timeUnixNano: Whole
  readonly asInt?: Whole
  readonly asDouble?: number
  readonly count?: Whole
  readonly sum?: number
  readonly min?: number
  readonly max?: number
  readonly scale?: number
  readonly zeroCount?: Whole
  readonly positive?: { readonly offset?: number; readonly bucketCounts?: readonly Whole[] }
}

interface ReceivedData {
  readonly dataPoints: readonly ReceivedPoint[]
  readonly aggregationTemporality?: string | number
  readonly isMonotonic?: boolean
}

/** A metric as it arrived. */
export interface ReceivedMetric {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly sum?: ReceivedData
  readonly gauge?: ReceivedData
  readonly exponentialHistogram?: ReceivedData
}

/** What one export brought. */
export interface ReceivedExport {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: ReceivedPoint['attributes'] }
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string; readonly version: string }
      readonly metrics: readonly ReceivedMetric[]
    }[]
  }[]
}

interface MockOtlpServer {
  readonly httpUrl: URL
  readonly grpcUrl: URL
  start(): Promise<void>
  close(): Promise<void>
}

interface Receiver {
  readonly httpUrl: string
  readonly grpcUrl: string
  /** What arrived and was not taken yet, after one more arrived if there is nothing. */
  next(): Promise<ReceivedExport>
  close(): Promise<void>
}

/** What arrives at one receiver of a process arrives at all of them, so there is one at a time. */
let isStarted = false

/** Starts a receiver on loopback, at ports of its own. */
export async function startReceiver(): Promise<Receiver> {
  if (isStarted) throw new Error('another test has a receiver: these tests run one after the other')
  isStarted = true
  const require = createRequire(
    new URL('../../../../scripts/opentelemetry/receiver/package.json', import.meta.url),
  )
  const { MockOtlpServer } = require('@elastic/mockotlpserver') as {
    MockOtlpServer: new (options: object) => MockOtlpServer
  }
  const arrived: ReceivedExport[] = []
  const events = new EventTarget()
  const server = new MockOtlpServer({
    logLevel: 'error',
    services: ['http', 'grpc'],
    httpHostname: '127.0.0.1',
    httpPort: 0,
    grpcHostname: '127.0.0.1',
    grpcPort: 0,
    onMetrics(received: ReceivedExport) {
      arrived.push(received)
      events.dispatchEvent(new Event('arrived'))
    },
  })
  await server.start()
  return {
    httpUrl: server.httpUrl.origin,
    grpcUrl: server.grpcUrl.origin,
    async next() {
      for (;;) {
        const received = arrived.shift()
        if (received !== undefined) return received
        await once(events, 'arrived')
      }
    },
    async close() {
      await server.close()
      isStarted = false
    },
  }
}
