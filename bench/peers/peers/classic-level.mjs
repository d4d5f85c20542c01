// classic-level (LevelDB): one batch a group, keys that sort as the ids do.
import { ClassicLevel } from 'classic-level'

const EVENT_BYTES = 64

export async function open(dir, durable) {
  const db = new ClassicLevel(dir, { keyEncoding: 'view', valueEncoding: 'view', compression: false })
  await db.open()
  const sync = { sync: durable }
  return {
    write(bytes, firstId, count) {
      if (count === 1) return db.put(key(firstId), bytes, sync)
      const batch = Array.from({ length: count }, (_, n) => ({
        type: 'put',
        key: key(firstId + n),
        value: bytes.subarray(n * EVENT_BYTES, (n + 1) * EVENT_BYTES),
      }))
      return db.batch(batch, sync)
    },
    put: (bytes, id) => db.put(key(id), bytes, sync),
    close: () => db.close(),
  }
}

function key(id) {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(id))
  return bytes
}
