import { defineEvent, type EventReader, i8, i64, u8, u32, u64 } from '@flashstrike/wal-recovery'
import type { OrderMessage } from './order-flow.js'

/** An order message in the log: event number i of the flow has the id i + 1. */
export const OrderEvent = defineEvent('OrderEvent', {
  time_ns: u64,
  order_id: u64,
  price: i64,
  size: u32,
  type: u8,
  side: i8,
})

/** An order message as a replay shows it. */
export type OrderEventReader = EventReader<typeof OrderEvent.types>

/** The message that an event holds. */
export function messageOf(event: OrderEventReader): OrderMessage {
  const { time_ns, order_id, price, size, type, side } = event
  return { timeNs: time_ns, orderId: order_id, price, size, type, side }
}
