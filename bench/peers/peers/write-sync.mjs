// fs.writeSync: a group a call. Durable: over a zero-filled file, and fdatasync.
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const FILE_BYTES = 64 << 20
const BLOCK = new Uint8Array(4096)

export function open(dir, durable) {
  const fd = openSync(join(dir, 'events'), 'wx')
  if (!durable) return { write: bytes => void writeSync(fd, bytes), close: () => closeSync(fd) }
  for (let at = 0; at < FILE_BYTES; at += BLOCK.length) writeSync(fd, BLOCK, 0, BLOCK.length, at)
  fsyncSync(fd)
  let at = 0
  return {
    write(bytes) {
      writeSync(fd, bytes, 0, bytes.length, at)
      fdatasyncSync(fd)
      at = (at + bytes.length) % FILE_BYTES
    },
    close: () => closeSync(fd),
  }
}
