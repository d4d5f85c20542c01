import { types } from 'node:util'
import { MetricsError } from './errors.js'
import { shown } from './shown.js'

/** What an option takes. */
export interface Rule {
  readonly takes: string
  accepts(value: unknown): boolean
}

/** @throws MetricsError `WAL_UNSUPPORTED` for options that have no rule or that theirs does not accept */
export function check(call: string, given: unknown, rules: Readonly<Record<string, Rule>>): void {
  if (!isRecord(given)) {
    throw unsupported(`${call} got ${shown(given)}: it takes an object with ${Object.keys(rules).join(', ')}`)
  }
  const stranger = Object.keys(given).find(name => !Object.hasOwn(rules, name))
  if (stranger !== undefined) {
    throw unsupported(`${call} has no option ${stranger}: it takes ${Object.keys(rules).join(', ')}`)
  }
  // Also those that an object has from its class.
  for (const [name, { takes, accepts }] of Object.entries(rules)) {
    const value: unknown = given[name]
    if (value !== undefined && !accepts(value)) {
      throw unsupported(`${call} got ${shown(value)} for ${name}: it takes ${takes}`)
    }
  }
}

/** Whether a value can hold options by their names. Lists, promises, dates and URLs would pass for no options. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || types.isPromise(value) || types.isDate(value))
    return false
  return !(Symbol.iterator in value) && !(value instanceof URL)
}

/** What was asked for is not to be had. */
export function unsupported(message: string): MetricsError {
  return new MetricsError('WAL_UNSUPPORTED', message)
}
