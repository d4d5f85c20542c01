// event-storage: takes text only, so the same bytes as Latin-1; a group is flushed at once.
import eventStorage from 'event-storage'

const EVENT_BYTES = 64
/** A group in one write, with the headers of its events. */
const BUFFER_BYTES = 64 << 10

const serializer = { serialize: document => document, deserialize: document => document }

export function open(dir, durable) {
  const storage = new eventStorage.Storage('events', {
    dataDirectory: dir,
    writeBufferSize: BUFFER_BYTES,
    syncOnFlush: durable,
    serializer,
    indexOptions: { syncOnFlush: durable, writeBufferSize: BUFFER_BYTES },
  })
  storage.open()
  return {
    write(bytes, _firstId, count) {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      for (let n = 0, at = 0; n < count; n++, at += EVENT_BYTES) {
        storage.write(buffer.latin1Slice(at, at + EVENT_BYTES))
      }
      storage.flush()
    },
    close: () => storage.close(),
  }
}

export function replay(dir, visit) {
  const storage = new eventStorage.Storage('events', { dataDirectory: dir, serializer, readOnly: true })
  storage.open()
  for (const document of storage.readRange(1)) visit(Buffer.from(document, 'latin1'))
  storage.close()
}
