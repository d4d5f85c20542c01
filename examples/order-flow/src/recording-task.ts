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
  /** Whether it is going to be killed: then it waits for that when all is recorded. */
  readonly doomed: boolean
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
