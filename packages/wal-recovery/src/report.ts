/** What a mode does with damage; see the table of modes in docs/recovery.md. */
export type RecoveryMode = 'tail' | 'strict' | 'point-in-time' | 'diagnostic'

/** What opening a log found, did and could not prove. */
export interface OpenReport {
  /** How the log was opened. */
  readonly mode: RecoveryMode
  /**
   * What the log was before anything was changed, as far as this open has verified it: from the first unsealed segment
   * on. Sealed segments are verified when they are read, so a `clean` log may still throw `WAL_CORRUPT` from an
   * iterator; `verify()` and the modes `point-in-time` and `diagnostic` look at every segment.
   */
  readonly state: 'clean' | 'torn' | 'corrupt'
  /** 32 hexadecimal digits; null until a metadata block was ever published. */
  readonly logId: string | null
  /** Bytes of a fixed-size event; 0: events of any length. */
  readonly eventSize: number
  /** Bytes of a segment; 0 if not known yet. */
  readonly segmentSize: number
  /** Which segment files there are, and how many of them this open has verified. */
  readonly segments: SegmentsReport
  /** Id of the first event; 0: none. */
  readonly firstEventId: number
  /** Id of the last event, staged ones included; 0: none. */
  readonly lastEventId: number
  /** Highest id that was known to be durable before; 0: none. */
  readonly durableEventId: number
  /** What was taken from the staging memory of a writer that died. */
  readonly staged: StagedReport
  /** The first position that does not verify. */
  readonly damage: DamageReport | null
  /** What was cut off and where it is kept; only opening for append cuts. */
  readonly cuts: readonly CutReport[]
  /** Ids that had been given out and are gone. */
  readonly lost: { readonly from: number; readonly to: number } | null
  /** Whether another process was appending meanwhile: its newest events may be missing here. */
  readonly writerAlive: boolean
  /** What no evidence covers, in words. */
  readonly unproven: readonly string[]
  /** Everything else worth knowing, in words. */
  readonly notes: readonly string[]
  /** Time that opening took, in nanoseconds. */
  readonly elapsedNs: number
}

/** The segment files of a log. */
export interface SegmentsReport {
  /** Index of the first one that belongs to the log. */
  readonly first: number
  /** Index of the last one with a block. */
  readonly last: number
  /** How many belong to the log. */
  readonly count: number
  /** Uncompressed ones. */
  readonly hot: number
  /** Compressed ones without an uncompressed twin. */
  readonly cold: number
  /** Ones without a block, ready for use. */
  readonly prepared: number
  /** Ones whose every block this open has verified. */
  readonly verified: number
}

/** What stood in the staging memory. */
export interface StagedReport {
  /** Events taken from it. */
  readonly events: number
  /** Id of the first one taken; 0: none. */
  readonly firstEventId: number
  /** Id of the last one taken; 0: none. */
  readonly lastEventId: number
  /** Why events that stood there were not taken. */
  readonly notTaken: string | null
}

/** A position and what is wrong there. */
export interface DamageReport {
  /** Null: it is `wal.staging` that is damaged. */
  readonly segment: number | null
  /** Byte offset in the uncompressed segment. */
  readonly offset: number
  /** What is wrong there, in words. */
  readonly reason: string
}

/** Bytes that were cut off. */
export interface CutReport extends DamageReport {
  /** Null: it is `wal.staging` or `wal.meta`. */
  readonly segment: number | null
  /** Where they began. */
  readonly offset: number
  /** Why they were cut off, in words. */
  readonly reason: string
  /** How many. */
  readonly bytes: number
  /** The first id that the block headers in them name; 0: none can be read. */
  readonly firstEventId: number
  /** The last id that the block headers in them name; 0: none can be read. */
  readonly lastEventId: number
  /** The file they are kept in. */
  readonly keptIn: string
}

/** What a verification of every segment found. */
export interface VerifySummary {
  /** What the log is, with every segment looked at. */
  readonly state: 'clean' | 'torn' | 'corrupt'
  /** Events in the log, staged ones that belong to it included. */
  readonly events: number
  /** Id of the first event; 0: none. */
  readonly firstId: number
  /** Id of the last event, staged ones included; 0: none. */
  readonly lastId: number
  /** Staged events among them. */
  readonly staged: number
  /** The first position that does not verify. */
  readonly bad: DamageReport | null
  /** The highest id known to be durable. */
  readonly durableEventId: number
  /** Segments verified. */
  readonly segments: number
  /** What no evidence covers, in words. */
  readonly unproven: readonly string[]
  /** Everything else worth knowing, in words. */
  readonly notes: readonly string[]
  /** Time it took, in nanoseconds. */
  readonly elapsedNs: number
}

/** A cursor of a log, as anybody may see it. */
export interface CursorInfo {
  /** Its name, as `cursor` takes it. */
  readonly name: string
  /** Id of the last event that its consumer is done with, 0: none; null: it cannot be read. */
  readonly eventId: number | null
  /** When that was committed: milliseconds since the Unix epoch; null: it cannot be read. */
  readonly updatedMs: number | null
  /** Whether somebody holds it now. */
  readonly held: boolean
  /** Why it cannot be read; null: it can. As long as it is there retention removes nothing. */
  readonly problem: string | null
}
