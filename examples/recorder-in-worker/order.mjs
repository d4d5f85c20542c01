import { defineEvent, i64, u8, u32 } from '@flashstrike/wal-recorder'

/** What is recorded; both threads know it. */
export const Order = defineEvent('Order', { price: i64, quantity: u32, isBuy: u8 })
