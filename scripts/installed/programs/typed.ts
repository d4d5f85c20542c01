import { type MetricsSource, TelemetryPage, walMetrics } from '@flashstrike/telemetry'
import { defineEvent, i64, Recorder, u32 } from '@flashstrike/wal-recorder'
import { type ByteEvent, Recovery, WalError } from '@flashstrike/wal-recovery'

const Order = defineEvent('Order', { price: i64, quantity: u32 })

export async function roundTrip(dir: string): Promise<number> {
  const wal = await Recorder.open({ dir, event: Order })
  const id: number = wal.append({ price: 1, quantity: 2 })
  await wal.durable(id)
  // @ts-expect-error: an event has the fields that were defined, and no others
  wal.append({ price: 1, amount: 2 })
  await wal.close()
  const log = await Recovery.open({ dir, event: Order })
  let sum = 0
  for (const order of log.replay()) sum += order.price * order.quantity
  const text: string = walMetrics(log).dump()
  await log.close()
  return sum + text.length
}

export async function texts(dir: string): Promise<string[]> {
  const log = await Recovery.open<ByteEvent>({ dir })
  return Array.from(log.replay(), event => event.text)
}

export function code(thrown: unknown): string | undefined {
  return thrown instanceof WalError ? thrown.code : undefined
}

export function ofAnotherProcess(file: string): MetricsSource {
  return TelemetryPage.attach(file)
}
