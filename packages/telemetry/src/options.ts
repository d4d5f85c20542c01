import { inspect, types } from 'node:util'
import { MetricsError } from './errors.js'

/** What an option takes. */
export interface Rule {
  readonly takes: string
  accepts(value: unknown): boolean
}

/** @throws MetricsError `WAL_UNSUPPORTED` for options that have no rule or that theirs does not accept */
export function check(call: string, given: object, rules: Readonly<Record<string, Rule>>): void {
  if (!isRecord(given)) {
    throw unsupported(`${call} got ${shown(given)}: it takes an object with ${Object.keys(rules).join(', ')}`)
  }
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) {
      throw unsupported(`${call} has no option ${name}: it takes ${Object.keys(rules).join(', ')}`)
    }
    if (value !== undefined && !rule.accepts(value)) {
      throw unsupported(`${call} got ${shown(value)} for ${name}: it takes ${rule.takes}`)
    }
  }
}

/** Whether a value can hold options by their names. Lists and promises are objects too: they would pass for no options. */
function isRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || types.isPromise(value)) return false
  return !(Symbol.iterator in value)
}

/** A value as it is named in a message: in one line, and without running code of its own. */
export function shown(value: unknown): string {
  return inspect(value, { customInspect: false, depth: 0, breakLength: Number.POSITIVE_INFINITY })
}

/** What was asked for is not to be had. */
export function unsupported(message: string): MetricsError {
  return new MetricsError('WAL_UNSUPPORTED', message)
}
