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
