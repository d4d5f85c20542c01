import { createHash } from 'node:crypto'
import { walMetrics } from '@flashstrike/telemetry'
import { type OpenReport, Recovery } from '@flashstrike/wal-recovery'
import { OrderBook } from './order-book.js'
import { messageOf, OrderEvent } from './order-event.js'
import type { OrderFlow } from './order-flow.js'

/** What is found in the log after a kill. */
export interface Finding {
  /** Last event id that `append` had returned. */
  readonly acknowledged: number
  /** Last event id in the log. */
  readonly recovered: number
  /** Events that stood in the staging memory only. */
  readonly fromStaging: number
  /** Whether the log was not clean: a killed process tears nothing, a power cut may. */
  readonly torn: boolean
  /** Acknowledged events that are not in the log, or not as they were. */
  readonly lost: number
  readonly report: OpenReport
}

/** Opens the log after a kill and holds every event against the flow. */
export async function examine(dir: string, flow: OrderFlow, acknowledged: number): Promise<Finding> {
  await using log = await Recovery.open({ dir, event: OrderEvent })
  let recovered = 0
  let wrong = 0
  for (const event of log.replay()) {
    recovered += 1
    const inPlace = event.event_id === recovered && flow.isAt(recovered - 1, messageOf(event))
    if (!inPlace && recovered <= acknowledged) wrong += 1
  }
  const { report } = log
  return {
    acknowledged,
    recovered,
    fromStaging: report.staged.events,
    torn: report.state !== 'clean',
    lost: Math.max(0, acknowledged - recovered) + wrong,
    report,
  }
}

/** What a replay of the whole log gives. */
export interface Replayed {
  readonly events: number
  readonly book: OrderBook
  readonly eventsPerSecond: number
  /** What the recovery measured of itself, for people. */
  readonly metrics: string
  /** Over the payload bytes of all events in order. */
  readonly payloadSha256: string
}

/** Replays the log: once for the time it takes, once into an order book, once for its bytes. */
export async function replay(dir: string): Promise<Replayed> {
  const { events, eventsPerSecond, metrics } = await timed(dir)
  const book = new OrderBook()
  await using log = await Recovery.open({ dir, event: OrderEvent })
  for (const { type, order_id, size, price, side } of log.replay())
    book.apply(type, order_id, size, price, side)
  const hash = createHash('sha256')
  for await (const block of log.blocks()) if ('payload' in block) hash.update(block.payload)
  return { events, eventsPerSecond, metrics, book, payloadSha256: hash.digest('hex') }
}

/** From opening to the last event, three fields of each read. */
async function timed(dir: string): Promise<Pick<Replayed, 'events' | 'eventsPerSecond' | 'metrics'>> {
  const start = performance.now()
  await using log = await Recovery.open({ dir, event: OrderEvent })
  let events = 0
  let sum = 0
  for (const event of log.replay()) {
    events += 1
    sum += event.order_id + event.price + event.size
  }
  const seconds = (performance.now() - start) / 1000
  if (events > 0 && sum === 0) throw new Error('the log holds nothing but zeros')
  return { events, eventsPerSecond: events / seconds, metrics: walMetrics(log).dump() }
}

/** The book as it has to be: built from the flow, without the log. */
export function bookOf(flow: OrderFlow): OrderBook {
  const book = new OrderBook()
  const { type, orderId, size, price, side } = flow
  for (let i = 0; i < flow.length; i++) {
    book.apply(type[i] ?? 0, orderId[i] ?? 0, size[i] ?? 0, price[i] ?? 0, side[i] ?? 0)
  }
  return book
}
