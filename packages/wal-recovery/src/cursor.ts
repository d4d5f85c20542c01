import { WalError } from './errors.js'

const READS = [
  ...['getUint8', 'getInt8', 'getUint16', 'getInt16', 'getUint32', 'getInt32'],
  ...['getFloat32', 'getFloat64', 'getBigUint64', 'getBigInt64'],
]

/**
 * Where a cursor stands that shows no event: every read throws `WAL_CLOSED`. The memory says so itself: looking at it
 * before each read, or catching what a read throws, would take room that the getters of the flyweight need to be
 * inlined into a loop.
 */
export const NO_MEMORY: DataView = new DataView(new ArrayBuffer(0))
for (const name of READS) Object.defineProperty(NO_MEMORY, name, { value: refuse })
Object.defineProperty(NO_MEMORY, 'buffer', { get: refuse })

function refuse(): never {
  throw new WalError(
    'WAL_CLOSED',
    'this event is no longer shown: the replay that it belongs to has ended, or has not begun. One object shows all ' +
      'events of a replay, so keep event.toObject(), or the values, and not the object',
  )
}

/**
 * Where a flyweight stands: one event inside one window. All replays share this one shape, so the loops over blocks
 * stay monomorphic however many event types a program reads.
 */
export class MemoryCursor {
  view: DataView
  /** Byte offset of the event inside `view`. */
  offset = 0

  constructor(view: DataView) {
    this.view = view
  }
}
