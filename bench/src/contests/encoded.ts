import { EVENT_BYTES, FIRST_TIMESTAMP, LOWEST_PRICE } from './request-event.js'

/** Events that those contestants hand over at once who take many. */
export const GROUP_EVENTS = 256
/** The most that one of them takes at once. */
const MOST_EVENTS = 4096
/** 2⁻³²: shifts the upper half of a number down. */
const DOWN = 2 ** -32

const words = new Uint32Array((MOST_EVENTS * EVENT_BYTES) / 4)

/** Where `encodeEvents` puts them. */
export const groupBytes = new Uint8Array(words.buffer)

/**
 * Encodes `count` events from number `first` on and gives how many bytes they take. Stores each field as the
 * recorder's own encoder does: the upper half of a 64-bit number by multiplication, small fields together in one word,
 * but without a look at the values.
 */
export function encodeEvents(first: number, count: number): number {
  for (let i = first, w = 0; i < first + count; i++, w += EVENT_BYTES / 4) {
    const id = i + 1
    const timestamp = FIRST_TIMESTAMP + i
    const price = LOWEST_PRICE + (i & 127)
    const quantity = 1 + (i & 63)
    words[w] = id
    words[w + 1] = id * DOWN
    words[w + 2] = timestamp
    words[w + 3] = timestamp * DOWN
    words[w + 4] = price
    words[w + 5] = Math.floor(price * DOWN)
    words[w + 6] = quantity
    words[w + 7] = quantity * DOWN
    words[w + 8] = i & 0xffff
    words[w + 9] = i
    words[w + 10] = 1 | ((i & 3) << 8) | ((i & 1) << 16)
  }
  return count * EVENT_BYTES
}
