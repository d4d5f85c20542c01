/** What the recording process is to do. */
export interface RecordingTask {
  /** Directory of the log. */
  readonly dir: string
  /** The flow to be recorded; see `writeFlow`. */
  readonly flow: string
  /** The file in which it acknowledges; see `Acknowledgement`. */
  readonly acknowledgements: string
  /** From this event id on it acknowledges every event on its own instead of every 256th. */
  readonly closelyFrom: number
  /** How a process records that is going to be killed; without it, it records all that is left and ends. */
  readonly pace?: Pace
}

/** The part of the flow that a doomed process records before it waits for its end. */
export interface Pace {
  /** From this event id on it records no faster than `eventsPerMs`. */
  readonly from: number
  /** The last event id that it records. */
  readonly until: number
  readonly eventsPerMs: number
}

/** What the recording process says when it has ended by itself. */
export interface RecordingResult {
  /** Events appended by this process, and the time that the appends took: nanoseconds for all of them. */
  readonly appended: number
  readonly appendNs: number
  /** Time from the last append to durability of everything, in milliseconds. */
  readonly durableMs: number
  /** What the recorder measured of itself, for people. */
  readonly metrics: string
}

/** Size of a segment: small, so that a short run has rotations. */
export const SEGMENT_BYTES = 16 * 1024 * 1024
