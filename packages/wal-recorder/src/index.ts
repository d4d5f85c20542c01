/**
 * Records events in a write-ahead log: appends that survive the death of the process, group commit to the disk.
 *
 * @packageDocumentation
 */
export { WalError, type WalErrorCode, type WalErrorPlace } from '@flashstrike/wal-recovery/errors'
export * from '@flashstrike/wal-recovery/schema'
export type { TelemetryOptions } from '@flashstrike/wal-recovery/telemetry-options'
export type { AppendAllOptions } from './append-all.js'
export type { AppendBytes } from './byte-appender.js'
export type { AppendEvent, AppendFields, AppendOptions } from './event-appender.js'
export type { CompressionOptions, DrainOptions, RecorderOptions, RetentionLimits } from './options.js'
export { type AppendOf, type InputOf, Recorder, type RecorderEvents } from './recorder.js'
export type { WritableOptions } from './recorder-writable.js'
