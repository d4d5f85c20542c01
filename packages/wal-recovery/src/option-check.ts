/**
 * Whether options are what they should be, before they go anywhere: names, what each one is, and its range where that does
 * not depend on another one. Internal to these packages.
 *
 * @packageDocumentation
 */
import { types } from 'node:util'
import { WalError } from './errors.js'
import type { FieldTypes } from './schema.js'

/** Of what somebody gave, so many characters are shown. */
const LONGEST_NAME = 40

/** What an option takes. */
export interface OptionRule {
  /** In words: "it takes …". */
  readonly takes: string
  accepts(value: unknown): boolean
}

/** The options of a call by their names. */
type OptionRules = Readonly<Record<string, OptionRule>>

/** A table of rules that has one for each option and no other. */
export type RulesOf<Options> = { readonly [Name in keyof Required<Options>]: OptionRule }

/** A number, NaN apart. */
export function number(takes: string): OptionRule {
  return { takes, accepts: value => typeof value === 'number' && !Number.isNaN(value) }
}

/** A whole number in a range. */
export function whole(takes: string, least: number, most: number): OptionRule {
  return {
    takes,
    accepts: value => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
  }
}

/** A text that is not empty. */
export function text(takes: string): OptionRule {
  return { takes, accepts: value => typeof value === 'string' && value !== '' }
}

/** The path of a file or a directory. */
export function path(takes: string): OptionRule {
  return { takes, accepts: value => typeof value === 'string' && value !== '' && !value.includes('\0') }
}

/** One of a few words. */
export function oneOf(...words: readonly string[]): OptionRule {
  const takes = words.map(word => `'${word}'`).join(' or ')
  return { takes, accepts: value => (words as readonly unknown[]).includes(value) }
}

/** A list of texts. */
export function texts(takes: string): OptionRule {
  return { takes, accepts: value => Array.isArray(value) && value.every(entry => typeof entry === 'string') }
}

/** A function. */
export function callback(takes: string): OptionRule {
  return { takes, accepts: value => typeof value === 'function' }
}

/** Permission bits of files that their owner goes on writing. */
export const fileMode: OptionRule = whole('permission bits, 0o600 … 0o777', 0o600, 0o777)

/** Looked at elsewhere. */
export const anything: OptionRule = { takes: 'anything', accepts: () => true }

/** True or false. */
export const flag: OptionRule = { takes: 'true or false', accepts: value => typeof value === 'boolean' }

/**
 * Refuses options that do not exist, and those that are not what they take. One that is undefined is not given.
 *
 * @param call who takes them, for the message
 * @throws WalError `WAL_UNSUPPORTED`
 */
export function checkOptions(call: string, given: unknown, rules: OptionRules): void {
  if (!isRecord(given)) {
    throw unsupported(`${call} got ${shown(given)}: it takes an object with ${Object.keys(rules).join(', ')}`)
  }
  const stranger = Object.keys(given).find(name => !Object.hasOwn(rules, name))
  if (stranger !== undefined)
    throw unsupported(`${call} has no option ${cut(stranger)}: ${instead(stranger, rules)}`)
  // Also those that an object has from its class.
  for (const [name, rule] of Object.entries(rules)) {
    const value = (given as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined) checkValue(call, name, value, rule)
  }
}

/**
 * Refuses a value that is not what it should be; undefined is refused too.
 *
 * @throws WalError `WAL_UNSUPPORTED`
 */
export function checkValue(call: string, name: string, value: unknown, { takes, accepts }: OptionRule): void {
  if (!accepts(value)) throw unsupported(`${call}: ${name} is ${shown(value)}: it takes ${takes}`)
}

/**
 * Refuses what is no open log: `new` of a class that is opened, in a program without types.
 *
 * @throws WalError `WAL_UNSUPPORTED`
 */
export function checkOpened(name: string, native: { readonly reportJson?: unknown } | undefined): void {
  if (typeof native?.reportJson === 'function') return
  throw unsupported(`new ${name}() opens nothing: it takes await ${name}.open({ dir })`)
}

/**
 * Refuses what `defineEvent` has not made, where an event type is given.
 *
 * @throws WalError `WAL_SCHEMA`
 */
export function checkEventType(call: string, event: unknown): void {
  if (event === undefined) return
  const { name, size, fields, types } = (event ?? {}) as Record<string, unknown>
  if (typeof name === 'string' && typeof size === 'number' && Array.isArray(fields) && isObject(types)) return
  const names = isObject(event) ? Object.keys(event as FieldTypes).join(', ') : ''
  const got = names === '' ? shown(event) : `an object with ${names}`
  throw new WalError(
    'WAL_SCHEMA',
    `${call}: event is ${got}: it takes an event type, which defineEvent('Name', { field: u32 }) makes`,
  )
}

/** What is thrown for something that is no event id; `instead` says what else is taken. */
export function noEventId(what: string, id: unknown, instead = ''): WalError {
  const message = `${what} is ${shown(id)}: an event id is a whole number from 0 to 2^53 - 1${instead}`
  return new WalError('WAL_EVENT_ID', message)
}

/** A name as it stands in a message: not longer than that it is known by. */
export function cut(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name
}

/** A value as it is named in a message: short, and a text in quotes. */
export function shown(value: unknown): string {
  if (types.isUint8Array(value)) return `${value.length} bytes`
  if (typeof value === 'string') return JSON.stringify(cut(value))
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return 'an array'
  if (types.isPromise(value)) return 'a promise'
  if (types.isMap(value)) return 'a map'
  if (typeof value === 'function') return 'a function'
  if (value instanceof URL) return 'a URL'
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  return isObject(value) ? 'an object' : String(value)
}

/**
 * Whether a value can hold something by names. A list, a date, a URL and a promise are objects too, but hold nothing of
 * the kind: taken as options they would pass for none given.
 */
export function isRecord(value: unknown): value is object {
  if (!isObject(value) || types.isPromise(value) || types.isDate(value)) return false
  return !(Symbol.iterator in value) && !(value instanceof URL)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function instead(name: string, rules: OptionRules): string {
  const names = Object.keys(rules)
  const nearest = nearestOf(name, names)
  if (nearest !== undefined) return `did you mean ${nearest}?`
  return `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`
}

/** The name that somebody may have meant who has misspelt it; undefined: it is like none. */
export function nearestOf(name: string, names: readonly string[]): string | undefined {
  const [nearest] = names
    .map(known => ({ known, away: distance(name.toLowerCase(), known.toLowerCase()) }))
    .sort((a, b) => a.away - b.away)
  if (nearest === undefined || nearest.away > Math.max(2, nearest.known.length / 3)) return undefined
  return nearest.known
}

/** How many letters have to be put in, left out or changed to make one name of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(change, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
  }
  return row[b.length] ?? 0
}

function unsupported(message: string): WalError {
  return new WalError('WAL_UNSUPPORTED', message)
}
