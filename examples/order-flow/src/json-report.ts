import type { Outcome } from './run.js'

/** The outcome as one JSON object. */
export function jsonReport(outcome: Outcome): string {
  const { findings, recording, replayed } = outcome
  return JSON.stringify({
    appended: outcome.events,
    acknowledged: outcome.events,
    recovered: replayed.events,
    lost: outcome.lost,
    kills: findings.length,
    fromStaging: findings.reduce((sum, finding) => sum + finding.fromStaging, 0),
    afterKills: findings.map(({ acknowledged, recovered, fromStaging, torn, lost }) => ({
      acknowledged,
      recovered,
      fromStaging,
      torn,
      lost,
    })),
    booksEqual: outcome.booksEqual,
    bookSha256: replayed.book.digest(),
    nsPerAppend: round(recording.appendNs / Math.max(1, recording.appended)),
    replayEventsPerSecond: Math.round(replayed.eventsPerSecond),
    durableMs: round(recording.durableMs),
    payloadSha256: replayed.payloadSha256,
    ...(outcome.dir !== undefined && { dir: outcome.dir }),
  })
}

function round(n: number): number {
  return Math.round(n * 100) / 100
}
