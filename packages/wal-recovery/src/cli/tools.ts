/** What the addon does for the command line. */

import { WalError } from '../errors.js'
import { loadBinding } from '../native.js'
import type { VerifyProgress } from '../options.js'
import type { CutReport, DamageReport, RecoveryMode, StagedReport, VerifySummary } from '../report.js'
import { onceTold } from '../verification.js'

/** A log and what it consists of. Times are milliseconds since the Unix epoch, 0: not known. */
export interface Overview {
  readonly directory: string
  readonly logId: string | null
  readonly eventSize: number
  readonly segmentSize: number
  /** As JSON text. */
  readonly schema: string | null
  /** As far as it was verified: see `verifiedSegments`. */
  readonly state: 'clean' | 'torn' | 'corrupt'
  /** Segments of which every block was verified: from the first unsealed one on. */
  readonly verifiedSegments: number
  readonly damage: DamageReport | null
  readonly events: number
  readonly firstEventId: number
  readonly lastEventId: number
  readonly durableEventId: number
  readonly writerAlive: boolean
  readonly writerPid: number | null
  readonly fileSystem: string | null
  readonly segments: readonly SegmentOverview[]
  readonly staging: StagedReport & { readonly present: boolean }
  readonly meta: MetaOverview
  readonly cursors: readonly CursorOverview[]
  readonly quarantine: readonly QuarantineOverview[]
  readonly leftovers: readonly string[]
  readonly unproven: readonly string[]
  readonly notes: readonly string[]
}

export interface SegmentOverview {
  readonly index: number
  readonly state:
    | 'sealed'
    | 'active'
    | 'unsealed'
    | 'prepared'
    | 'retired'
    | 'foreign'
    | 'unreadable'
    | 'missing'
  readonly files: readonly string[]
  readonly isCold: boolean
  readonly events: number
  readonly firstEventId: number
  readonly lastEventId: number
  readonly blocks: number
  readonly usedBytes: number | null
  readonly fileBytes: number
  readonly diskBytes: number
  readonly ratio: number | null
  readonly createdMs: number
  readonly firstWrittenMs: number
  readonly lastWrittenMs: number
  readonly sealedMs: number
  readonly headerDamaged: boolean
}

interface MetaOverview {
  readonly state: 'valid' | 'missing' | 'damaged' | 'foreign'
  readonly closedCleanly: boolean | null
  readonly lastEventId: number | null
  readonly durableEventId: number | null
  readonly firstSegment: number | null
  readonly lastSegment: number | null
}

export interface CursorOverview {
  readonly name: string
  readonly eventId: number | null
  readonly updatedMs: number
  readonly behind: number | null
  readonly held: boolean
  readonly problem: string | null
}

export interface QuarantineOverview {
  readonly name: string
  readonly bytes: number | null
  readonly file: string | null
  readonly offset: number | null
  readonly firstEventId: number | null
  readonly lastEventId: number | null
  readonly cutAt: string | null
  readonly undoneAt: string | null
  readonly reason: string | null
}

/** Where a log ends. */
interface LogEnd {
  readonly segment: number | null
  readonly offset: number
  readonly eventId: number
  /** The last event behind it that is staged; absent: none is. */
  readonly stagedEventId?: number
}

/** What a repair does or did. */
export interface RepairPlan {
  readonly mode: RecoveryMode
  readonly state: 'clean' | 'torn' | 'corrupt'
  readonly damage: DamageReport | null
  readonly events: number
  readonly firstEventId: number
  readonly lastEventId: number
  readonly durableEventId: number
  readonly lost: { readonly from: number; readonly to: number } | null
  readonly cuts: readonly CutReport[]
  readonly logEnd: LogEnd
  /** Cursors that stand beyond the end of the log afterwards. */
  readonly cursorsAhead: readonly { readonly name: string; readonly eventId: number }[]
  readonly cutAt: string | null
}

/** What undoing a repair does or did. */
export interface UndoPlan {
  readonly cutAt: string
  readonly logEnd: LogEnd
  readonly files: readonly {
    readonly file: string
    readonly offset: number
    readonly bytes: number
    /** Compared with the checksum taken of them; false: an older version took none. */
    readonly checked: boolean
    readonly firstEventId: number
    readonly lastEventId: number
    readonly keptIn: string
    readonly reason: string
  }[]
  readonly also: readonly string[]
}

/** What was copied. */
export interface Copied {
  readonly lastEventId: number
  readonly segments: number
  readonly bytes: number
  readonly stagedNotCopied: number
  readonly writerAlive: boolean
}

interface Tools {
  inspectLog(dir: string): Promise<string>
  verifyLog(
    dir: string,
    onProgress: (segments: number, ofSegments: number, bytes: number) => void,
  ): Promise<string>
  repairLog(
    dir: string,
    options: { mode: string; fileMode: number; dry: boolean; atMs: number; agreed?: string },
  ): Promise<string>
  undoRepair(dir: string, name: string, fileMode: number, dry: boolean): Promise<string>
  copyLog(
    from: string,
    to: string,
    fileMode: number,
    hold: boolean,
    onProgress: (segments: number, ofSegments: number, bytes: number) => void,
  ): Promise<string>
  endCopies(): void
}

/** Asks the addon and reads its answer; what it throws is a `WalError`. */
async function ask<T>(call: (tools: Tools) => Promise<string>): Promise<T> {
  const tools = loadBinding<Tools>()
  try {
    return JSON.parse(await call(tools)) as T
  } catch (error) {
    throw WalError.from(error)
  }
}

/** What a log consists of. */
export function inspectLog(dir: string): Promise<Overview> {
  return ask(tools => tools.inspectLog(dir))
}

/** Verifies every segment, of a log that may not even open. All progress was told when it resolves. */
export function verifyLog(
  dir: string,
  onProgress: (progress: VerifyProgress) => void,
): Promise<VerifySummary> {
  const verified = ask<VerifySummary>(tools =>
    tools.verifyLog(dir, (segments, ofSegments, bytes) => onProgress({ segments, ofSegments, bytes })),
  )
  return onceTold(verified)
}

/** Repairs a log, or says what that would do. `atMs` is the time in the names of what is kept. */
export function repairLog(
  dir: string,
  {
    agreed,
    ...options
  }: { mode: RecoveryMode; fileMode: number; dry: boolean; atMs: number; agreed?: RepairPlan },
): Promise<RepairPlan> {
  const asText = agreed === undefined ? {} : { agreed: JSON.stringify(agreed) }
  return ask(tools => tools.repairLog(dir, { ...options, ...asText }))
}

/** Puts back what a repair has cut, or says what that would do. */
export function undoRepair(
  dir: string,
  name: string,
  options: { fileMode: number; dry: boolean },
): Promise<UndoPlan> {
  return ask(tools => tools.undoRepair(dir, name, options.fileMode, options.dry))
}

/** Copies a log to an empty directory. With `hold`, retention removes nothing meanwhile. */
export function copyLog(
  from: string,
  to: string,
  options: { fileMode: number; hold: boolean },
  onProgress: (progress: VerifyProgress) => void,
): Promise<Copied> {
  return ask(tools =>
    tools.copyLog(from, to, options.fileMode, options.hold, (segments, ofSegments, bytes) =>
      onProgress({ segments, ofSegments, bytes }),
    ),
  )
}

/** Ends the copies of this process soon: they reject with `WAL_CLOSED`, and hold nothing any more. */
export async function endCopies(): Promise<void> {
  const tools = loadBinding<Tools>()
  tools.endCopies()
}
