/** Events as rows of values: by the schema that the log stores, or as bytes. */
import { fieldTypeOf } from '../field-types.js'
import { entryBytes, LENGTH_BYTES } from '../format.js'
import type { Schema, SchemaField } from '../schema.js'
import { UsageError } from './failure.js'
import { isPlain, safe } from './text.js'

/** What a cell holds; a bigint only beyond the safe integers. */
export type Value = number | bigint | string

/** A block of events as it stands in the log. */
interface EventBlock {
  readonly firstId: number
  readonly writtenMs: number
  readonly count: number
  readonly payload: Uint8Array
}

/** The rows of one block, in the order of the columns. */
interface RowReader {
  readonly columns: readonly string[]
  rows(block: EventBlock, range: { from: number; to: number }): Generator<readonly Value[], void, undefined>
}

/** How bytes that are not to be read as fields are shown. */
export type ByteEncoding = 'auto' | 'base64' | 'hex'

/** When the block of an event was written: a column that every log has. */
const WRITTEN = 'written'
const BYTE_COLUMNS = ['event_id', 'length', 'encoding', 'data']
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the events of a log.
 *
 * @throws UsageError for a field that the log does not have
 */
export function rowReader(
  schema: Schema | undefined,
  fields: readonly string[] | undefined,
  encoding: ByteEncoding,
): RowReader {
  const all = schema?.fields.map(({ name }) => name) ?? BYTE_COLUMNS
  const columns = fields ?? all
  const unknown = columns.find(name => name !== WRITTEN && !all.includes(name))
  if (unknown !== undefined || columns.length === 0) {
    throw new UsageError(
      `--fields names ${safe(JSON.stringify(unknown ?? ''))}, which this log does not have; it has ` +
        `${[...all, WRITTEN].map(safe).join(', ')}`,
    )
  }
  return schema === undefined ? byteRows(columns, encoding) : fixedRows(schema, columns)
}

type Read = (view: DataView, at: number) => Value

function fixedRows({ size, fields }: Schema, columns: readonly string[]): RowReader {
  const reads = columns.map(name => {
    const field = fields.find(field => field.name === name)
    return field && fieldReader(field)
  })
  return {
    columns,
    *rows({ payload, writtenMs }, { from, to }) {
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
      const written = isoTime(writtenMs)
      for (let at = 0; at + size <= payload.length; at += size) {
        const id = Number(view.getBigUint64(at, true))
        if (id < from) continue
        if (id > to) return
        yield reads.map(read => (read === undefined ? written : read(view, at)))
      }
    },
  }
}

function fieldReader({ type, offset }: SchemaField): Read {
  const at = (read: (view: DataView, place: number) => Value): Read => {
    return (view, event) => read(view, event + offset)
  }
  switch (type) {
    case 'u8':
      return at((view, place) => view.getUint8(place))
    case 'u16':
      return at((view, place) => view.getUint16(place, true))
    case 'u32':
      return at((view, place) => view.getUint32(place, true))
    case 'u64':
      return at((view, place) => exact(view.getBigUint64(place, true)))
    case 'i8':
      return at((view, place) => view.getInt8(place))
    case 'i16':
      return at((view, place) => view.getInt16(place, true))
    case 'i32':
      return at((view, place) => view.getInt32(place, true))
    case 'i64':
      return at((view, place) => exact(view.getBigInt64(place, true)))
    case 'f32':
      return at((view, place) => view.getFloat32(place, true))
    case 'f64':
      return at((view, place) => view.getFloat64(place, true))
    default: {
      const length = fieldTypeOf(type)?.size ?? 0
      return at((view, place) => bufferAt(view, place, length).toString('hex'))
    }
  }
}

function byteRows(columns: readonly string[], encoding: ByteEncoding): RowReader {
  return {
    columns,
    *rows({ firstId, count, payload, writtenMs }, { from, to }) {
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
      const written = isoTime(writtenMs)
      let at = 0
      for (let id = firstId; id < firstId + count && id <= to; id++) {
        const length = view.getUint32(at, true)
        const bytes = bufferAt(view, at + LENGTH_BYTES, length)
        at += entryBytes(length)
        if (id < from) continue
        const shown = encoded(bytes, encoding)
        const cells: Record<string, Value> = { event_id: id, length, ...shown, [WRITTEN]: written }
        yield columns.map(name => cells[name] ?? '')
      }
    },
  }
}

/** Text where it can be shown as it is, else an encoding that says so. */
function encoded(bytes: Buffer, encoding: ByteEncoding): { encoding: string; data: string } {
  if (encoding === 'auto') {
    const text = textOf(bytes)
    if (text !== undefined) return { encoding: 'text', data: text }
  }
  const name = encoding === 'hex' ? 'hex' : 'base64'
  return { encoding: name, data: bytes.toString(name) }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = strict.decode(bytes)
    return isPlain(text) ? text : undefined
  } catch {
    return undefined
  }
}

function bufferAt(view: DataView, place: number, length: number): Buffer {
  return Buffer.from(view.buffer as ArrayBuffer, view.byteOffset + place, length)
}

function exact(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

function isoTime(ms: number): string {
  return ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : ''
}
