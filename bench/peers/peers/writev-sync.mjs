// fs.writevSync: 16 buffers of 16 KiB a call.
import { closeSync, openSync, writevSync } from 'node:fs'
import { join } from 'node:path'

const BUFFER_BYTES = 16 << 10

export const groupEvents = 4096

export function open(dir) {
  const fd = openSync(join(dir, 'events'), 'wx')
  return {
    write(bytes) {
      const parts = []
      for (let at = 0; at < bytes.length; at += BUFFER_BYTES)
        parts.push(bytes.subarray(at, at + BUFFER_BYTES))
      writevSync(fd, parts)
    },
    close: () => closeSync(fd),
  }
}
