// How large packages may become.
import { ScriptError } from '../lib.mjs'

const KIB = 1024

/** Largest sizes of a package, installed; whoever raises one says why. */
const LIMITS = [
  [/^@flashstrike\/native-addon$/, 32 * KIB],
  [/^@flashstrike\/wal-recorder$/, 256 * KIB],
  [/^@flashstrike\/(wal-recovery|telemetry)$/, 640 * KIB],
  [/^@flashstrike\/telemetry-[a-z0-9-]+$/, 1536 * KIB],
  [/^@flashstrike\/wal-(recorder|recovery)-[a-z0-9-]+$/, 3072 * KIB],
]

export function checkSize({ name, bytes }) {
  const limit = LIMITS.find(([pattern]) => pattern.test(name))?.[1]
  if (limit === undefined) throw new ScriptError(`${name} has no limit of its size`)
  if (bytes > limit) {
    throw new ScriptError(`${name} has ${bytes} bytes, more than the ${limit} that it may have`)
  }
}
