// lmdb: one transaction a group, or puts that it gathers into transactions by itself.
import { open as openLmdb } from 'lmdb'

const EVENT_BYTES = 64
const MAP_BYTES = 4 * 2 ** 30

export function open(dir, durable) {
  // With `overlappingSync` a transaction would be done before it is on the disk.
  const syncs = durable ? { overlappingSync: false } : { noSync: true }
  const db = openLmdb({ path: dir, keyEncoding: 'uint32', encoding: 'binary', mapSize: MAP_BYTES, ...syncs })
  return {
    write(bytes, firstId, count) {
      db.transactionSync(() => {
        for (let n = 0, at = 0; n < count; n++, at += EVENT_BYTES) {
          db.putSync(firstId + n, bytes.subarray(at, at + EVENT_BYTES), { append: true })
        }
      })
    },
    put: (bytes, id) => db.put(id, bytes),
    close: () => db.close(),
  }
}

export function replay(dir, visit) {
  const db = openLmdb({ path: dir, keyEncoding: 'uint32', encoding: 'binary', mapSize: MAP_BYTES })
  for (const { value } of db.getRange()) visit(value)
  return db.close()
}
