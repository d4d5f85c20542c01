import { checkEventType, checkOptions, checkValue } from '@flashstrike/wal-recovery/option-check'
import { type EventType, schemaJson } from '@flashstrike/wal-recovery/schema'
import { nativeTelemetry } from '@flashstrike/wal-recovery/telemetry-options'
import type { NativeOpenOptions } from './native.js'
import { compressionRules, type RecorderOptions, recorderRules, retentionRules } from './options.js'

/**
 * Checks the options of `Recorder.open` and gives them as the addon takes them.
 *
 * @throws WalError `WAL_UNSUPPORTED` for an option that does not exist or is not what it takes
 */
export function nativeOptions(options: RecorderOptions<EventType | undefined>): NativeOpenOptions {
  checkOptions('Recorder.open', options, recorderRules)
  checkValue('Recorder.open', 'dir', options.dir, recorderRules.dir)
  checkEventType('Recorder.open', options.event)
  const { event, allowFileSystem, retention, compression, telemetry, ...rest } = options
  if (retention !== undefined) checkOptions('Recorder.open: retention', retention, retentionRules)
  if (compression !== undefined) checkOptions('Recorder.open: compression', compression, compressionRules)
  return {
    ...rest,
    ...(retention !== undefined && { retention: { ...retention } }),
    ...(compression?.level !== undefined && { compressionLevel: compression.level }),
    // It need not be the object's own.
    dir: options.dir,
    ...(event !== undefined && { schema: schemaJson(event) }),
    ...(allowFileSystem !== undefined && { allowFileSystem: [...allowFileSystem] }),
    ...(telemetry !== undefined && { telemetry: nativeTelemetry('Recorder.open', telemetry) }),
  }
}
