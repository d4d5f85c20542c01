/**
 * One round of a contestant in JavaScript. The only argument is the contest as JSON, the only output the figures of
 * the round as JSON.
 */
import { appendFields, appendObjects, appendRound } from './append.js'
import { durableRound, durableSyncRound, groupRound, inFlightRound } from './commit.js'
import { readFileRound, writeFileRound } from './files.js'
import { followRound } from './follow.js'
import { pacedEmptyRound, pacedRound } from './paced.js'
import { coldReplayRound, replayRound } from './replay.js'
import { residentReplayRound } from './resident.js'
import { seekRound } from './seek.js'

interface Given {
  readonly contest: string
  readonly dir: string
  readonly events: number
  readonly syncs: number
  readonly spinUs: number
  readonly inFlight: number
  readonly group: number
  readonly logs: string
  readonly bytes: number
  readonly seconds: number
  readonly native: string
  readonly cold: boolean
  readonly seeks: number
}

type Round = (given: Given) => Promise<Record<string, number>>

const contests: Readonly<Record<string, Round>> = {
  'append-fields': ({ dir, events }) => appendRound(dir, events, appendFields),
  'append-object': ({ dir, events }) => appendRound(dir, events, appendObjects),
  'write-file': ({ dir, events }) => writeFileRound(dir, events),
  'durable-sync': ({ dir, syncs }) => durableSyncRound(dir, syncs),
  durable: ({ dir, syncs, spinUs }) => durableRound(dir, syncs, spinUs),
  'in-flight': ({ dir, events, inFlight }) => inFlightRound(dir, events, inFlight),
  group: ({ dir, events, group }) => groupRound(dir, events, group),
  paced: ({ dir, events }) => pacedRound(dir, events),
  'paced-empty': ({ events }) => pacedEmptyRound(events),
  follow: ({ dir, events, spinUs, native }) => followRound(dir, events, spinUs, native),
  'resident-replay': ({ logs, bytes, seconds }) => residentReplayRound(logs, bytes, seconds),
  replay: ({ dir, events }) => replayRound(dir, events),
  'cold-replay': ({ dir, events }) => coldReplayRound(dir, events),
  seek: ({ logs, bytes, cold, seeks }) => seekRound(logs, bytes, cold, seeks),
  'read-file': ({ dir, events }) => readFileRound(dir, events),
}

const given = JSON.parse(process.argv[2] ?? '{}') as Given
const round = contests[given.contest]
if (round === undefined) throw new Error(`there is no contest ${given.contest}; npm run bench names one`)
console.log(JSON.stringify(await round(given)))
