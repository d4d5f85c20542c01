// sonic-boom: a group a call. Synchronous, since only then the bytes have left the process when the call returns.
import { join } from 'node:path'
import SonicBoom from 'sonic-boom'

export function open(dir, durable) {
  const stream = new SonicBoom({
    dest: join(dir, 'events'),
    sync: true,
    fsync: durable,
    contentMode: 'buffer',
    maxWrite: 16 << 10,
  })
  return {
    write(bytes) {
      stream.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    },
    close: () => stream.destroy(),
  }
}
