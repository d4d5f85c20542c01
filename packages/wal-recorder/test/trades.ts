import { defineEvent, i64, u8, u32, u64 } from '@flashstrike/wal-recovery/schema'

/** The log of the small exchange in docs/recovery.md. */
export const trades = {
  event: defineEvent('Trade', { time: u64, price: i64, quantity: u32, side: u8 }, { size: 32 }),
  segmentBytes: 256 << 10,
} as const
