import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { OrderFlow } from './order-flow.js'

/** The columns of a flow in the order in which a file holds them. */
function columns(flow: OrderFlow): Uint8Array[] {
  const { timeNs, orderId, price, size, type, side, length } = flow
  return [timeNs, orderId, price, size, type, side].map(
    ({ buffer, BYTES_PER_ELEMENT }) => new Uint8Array(buffer, 0, length * BYTES_PER_ELEMENT),
  )
}

/** Hands a flow to another process: the number of messages, then column by column. */
export function writeFlow(flow: OrderFlow, path: string): void {
  const fd = openSync(path, 'w')
  try {
    writeSync(fd, new Float64Array([flow.length]))
    for (const column of columns(flow)) writeWhole(fd, column)
  } finally {
    closeSync(fd)
  }
}

/** Reads what `writeFlow` has written. */
export function readFlow(path: string): OrderFlow {
  const fd = openSync(path, 'r')
  try {
    const count = new Float64Array(1)
    readSync(fd, count)
    const flow = new OrderFlow(count[0])
    flow.length = count[0] ?? 0
    for (const column of columns(flow)) readWhole(fd, column)
    return flow
  } finally {
    closeSync(fd)
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

function readWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(fd, bytes, at, bytes.length - at, null)
    if (read === 0) throw new Error('the flow file ends too early')
    at += read
  }
}
