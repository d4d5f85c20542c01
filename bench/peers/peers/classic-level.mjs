// classic-level (LevelDB): one chained batch a group, which takes a tenth of an array's time; keys that sort as the ids do.
import { ClassicLevel } from 'classic-level'

const EVENT_BYTES = 64
/** Larger than the default, so that it is not full as often. */
const WRITE_BUFFER_BYTES = 64 << 20
/** Events that an iterator hands over at once. */
const READ_EVENTS = 4096
const options = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  compression: false,
  writeBufferSize: WRITE_BUFFER_BYTES,
}

export async function open(dir, durable) {
  const db = new ClassicLevel(dir, options)
  await db.open()
  const sync = { sync: durable }
  return {
    write(bytes, firstId, count) {
      if (count === 1) return db.put(key(firstId), bytes, sync)
      const batch = db.batch()
      for (let n = 0, at = 0; n < count; n++, at += EVENT_BYTES) {
        batch.put(key(firstId + n), bytes.subarray(at, at + EVENT_BYTES))
      }
      return batch.write(sync)
    },
    put: (bytes, id) => db.put(key(id), bytes, sync),
    close: () => db.close(),
  }
}

export async function replay(dir, visit) {
  const db = new ClassicLevel(dir, options)
  await db.open()
  const values = db.values({ highWaterMarkBytes: READ_EVENTS * EVENT_BYTES })
  for (let some = await values.nextv(READ_EVENTS); some.length > 0; some = await values.nextv(READ_EVENTS)) {
    some.forEach(visit)
  }
  await values.close()
  await db.close()
}

function key(id) {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(id))
  return bytes
}
