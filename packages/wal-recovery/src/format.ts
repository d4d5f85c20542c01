/**
 * The few facts of the on-disk format that JavaScript needs on both sides of a log. Internal to these packages.
 *
 * @packageDocumentation
 */

/** 2³², to split and join the halves of 64-bit integers. */
export const TWO_32 = 0x1_0000_0000

/** 2⁵³ / 2³²: upper halves from here on are beyond the safe integers. */
export const SAFE_HIGH = 0x20_0000

/** Bytes of the length in front of each entry of a byte log. */
export const LENGTH_BYTES = 4

/** Bytes that an entry of `length` bytes takes in a block: its length, its bytes, zeros to a multiple of 8. */
export function entryBytes(length: number): number {
  return (LENGTH_BYTES + length + 7) & ~7
}

/** Splits an event id into the two halves that the native side takes. */
export function idHalves(id: number): [low: number, high: number] {
  return [id >>> 0, Math.floor(id / TWO_32)]
}
