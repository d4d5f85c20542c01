import { ALL_IDS } from './event-iterator.js'
import { noEventId } from './option-check.js'

/** Where to begin: behind the highest id there is nothing, and that is no error. */
export function checkFrom(what: string, id: number, instead = ''): void {
  if (id !== ALL_IDS.to + 1) checkId(what, id, instead)
}

/** Throws `WAL_EVENT_ID` for what is no event id; `instead` says in the message what else is taken. */
export function checkId(what: string, id: number, instead = ''): void {
  if (!Number.isSafeInteger(id) || id < 0) throw noEventId(what, id, instead)
}
