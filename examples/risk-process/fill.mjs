import { defineEvent, i64, u8, u32 } from '@flashstrike/wal-recovery'

/** What the log holds. Both sides know it, so a log of anything else is refused when it is opened. */
export const Fill = defineEvent('Fill', { account: u32, price: i64, quantity: u32, isBuy: u8 })
