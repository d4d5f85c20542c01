/**
 * Reads write-ahead logs: verified replay without copies.
 *
 * @packageDocumentation
 */
export type { Gap } from './block-walker.js'
export type { ByteEvent } from './byte-event.js'
export type { Column, ColumnName } from './columns.js'
export { WalError, type WalErrorCode, type WalErrorPlace } from './errors.js'
export type { EventIterator } from './event-iterator.js'
export type { EventReader } from './event-reader.js'
export type { Follow } from './follow.js'
export type { LogBlock } from './log-block.js'
export { Cursor } from './named-cursor.js'
export type {
  CursorOptions,
  CursorStart,
  FollowOptions,
  RecoveryOptions,
  ReplayOptions,
  VerifyOptions,
  VerifyProgress,
} from './options.js'
export { Recovery } from './recovery.js'
export type {
  CursorInfo,
  CutReport,
  DamageReport,
  OpenReport,
  RecoveryMode,
  SegmentsReport,
  StagedReport,
  VerifySummary,
} from './report.js'
export * from './schema.js'
export type { EventShown, UntypedEvent } from './shown-event.js'
export type { TelemetryOptions } from './telemetry-options.js'
