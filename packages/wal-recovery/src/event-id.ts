import { WalError } from './errors.js'
import { ALL_IDS } from './event-iterator.js'
import { shown } from './option-check.js'

/** Where to begin: behind the highest id there is nothing, and that is no error. */
export function checkFrom(what: string, id: number, instead = ''): void {
  if (id !== ALL_IDS.to + 1) checkId(what, id, instead)
}

/** Throws `WAL_EVENT_ID` for what is no event id; `instead` says in the message what else is taken. */
export function checkId(what: string, id: number, instead = ''): void {
  if (Number.isSafeInteger(id) && id >= 0) return
  throw new WalError(
    'WAL_EVENT_ID',
    `${what} is ${shown(id)}: an event id is a whole number from 0 to 2^53 - 1${instead}`,
  )
}
