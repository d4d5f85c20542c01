/**
 * The option `telemetry` of recorders and recoveries. Internal to these packages, but for its type.
 *
 * @packageDocumentation
 */
import {
  checkOptions,
  fileMode,
  isRecord,
  type OptionRule,
  path,
  type RulesOf,
  texts,
} from './option-check.js'

/** What the metrics of a recorder or a recovery are called, and where else they can be read. */
export interface TelemetryOptions {
  /**
   * A file that the metrics live in while it is open: a page, which `TelemetryPage.attach` of `@flashstrike/telemetry`
   * reads in any process, also after this one has died. Its directory has to exist and to lie in memory, as `/dev/shm`
   * does. The page of a process that has ended is replaced; that of a living one, and everything that is no page, is
   * refused. Recording costs the same.
   * @default none: the metrics are read in this process
   */
  readonly file?: string
  /**
   * Labels that everything shows which shows the metrics. Names are letters, digits and `_`; those that metrics have
   * themselves, such as `system`, are refused. One called `log` takes the place of the name of the log's directory.
   * @default the label `log` alone
   */
  readonly labels?: Readonly<Record<string, string>>
  /**
   * Permission bits of the file; the owner always reads and writes. Whoever reads it needs no more than permission to
   * read. Nothing on Windows.
   * @default `fileMode` of the recorder; 0o600 for a recovery
   */
  readonly fileMode?: number
  /**
   * Names of file systems besides tmpfs that the file may lie on, e.g. `['ext4']`: recording can then wait for the disk.
   * @default []
   */
  readonly allowFileSystem?: readonly string[]
}

/** What `telemetry` takes, as a whole. */
export const telemetryRule: OptionRule = {
  takes: 'an object with file, labels, fileMode, allowFileSystem',
  accepts: isRecord,
}

const telemetryRules: RulesOf<TelemetryOptions> = {
  file: path('the path of a file as text, without NUL'),
  labels: {
    takes: "an object of texts, as { zone: 'a' }",
    accepts: value => isRecord(value) && Object.values(value).every(label => typeof label === 'string'),
  },
  fileMode,
  allowFileSystem: texts("an array of names, as ['ext4']"),
}

/** The same as the addons take it. */
export interface NativeTelemetryOptions {
  readonly file?: string
  readonly labels?: { name: string; value: string }[]
  readonly fileMode?: number
  readonly allowFileSystem?: string[]
}

/**
 * Checks the option and gives it as the addons take it.
 *
 * @throws WalError `WAL_UNSUPPORTED` for what does not exist or is not what it takes
 */
export function nativeTelemetry(call: string, given: TelemetryOptions): NativeTelemetryOptions {
  checkOptions(`${call}: telemetry`, given, telemetryRules)
  const { file, labels, fileMode, allowFileSystem } = given
  return {
    ...(file !== undefined && { file }),
    ...(labels !== undefined && {
      labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    }),
    ...(fileMode !== undefined && { fileMode }),
    ...(allowFileSystem !== undefined && { allowFileSystem: [...allowFileSystem] }),
  }
}
