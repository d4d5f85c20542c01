// better-sqlite3: one transaction a group, into a table whose key is the event's id.
import { join } from 'node:path'
import Database from 'better-sqlite3'

const EVENT_BYTES = 64

export function open(dir, durable) {
  const db = new Database(join(dir, 'events.db'))
  db.pragma('locking_mode = EXCLUSIVE')
  db.pragma('journal_mode = WAL')
  db.pragma(`synchronous = ${durable ? 'FULL' : 'OFF'}`)
  db.exec('CREATE TABLE events (id INTEGER PRIMARY KEY, body BLOB)')
  const insert = db.prepare('INSERT INTO events VALUES (?, ?)')
  const write = db.transaction((bytes, firstId, count) => {
    for (let n = 0, at = 0; n < count; n++, at += EVENT_BYTES) {
      insert.run(firstId + n, bytes.subarray(at, at + EVENT_BYTES))
    }
  })
  return { write: (bytes, firstId, count) => void write(bytes, firstId, count), close: () => db.close() }
}

export function replay(dir, visit) {
  const db = new Database(join(dir, 'events.db'), { readonly: true })
  for (const body of db.prepare('SELECT body FROM events ORDER BY id').pluck().iterate()) visit(body)
  db.close()
}
