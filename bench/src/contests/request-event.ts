import { defineEvent, i64, u8, u32, u64 } from '@flashstrike/wal-recorder'

/** The event of all benchmarks: nine fields with its id, 64 bytes. */
export const RequestEvent = defineEvent(
  'RequestEvent',
  { timestamp: u64, price: i64, quantity: u64, userId: u32, orderId: u32, type: u8, orderType: u8, side: u8 },
  { size: 64 },
)

export const EVENT_BYTES = 64
/** A moment in milliseconds: needs more than 32 bits, as real ones do. */
export const FIRST_TIMESTAMP = 1_700_000_000_000
export const LOWEST_PRICE = 10_000
