import { inspect } from 'node:util'

/** A value as it is named in a message: in one line, and without running code of its own. */
export function shown(value: unknown): string {
  return inspect(value, { customInspect: false, depth: 0, breakLength: Number.POSITIVE_INFINITY })
}
