/** `stat`: how a log is doing, on one screen. */
import { EXIT_CLEAN, EXIT_DAMAGE } from './failure.js'
import { sizes, staging, writer } from './inspect.js'
import { kindOf } from './log-kind.js'
import { print } from './output.js'
import { stateOfLook, verifiableSegments } from './state-line.js'
import { facts } from './table.js'
import { json, safe } from './text.js'
import { inspectLog, type Overview } from './tools.js'
import { bytes, count, counted, span, time } from './units.js'

/** Shows the figures of a log; gives the exit code. */
export async function stat({ dir, json: asJson }: { dir: string; json: boolean }): Promise<number> {
  const log = await inspectLog(dir)
  const figures = figuresOf(log)
  await print(asJson ? json(figures) : screen(log, figures))
  return log.state === 'clean' ? EXIT_CLEAN : EXIT_DAMAGE
}

function figuresOf(log: Overview) {
  const inUse = log.segments.filter(({ state }) => state !== 'missing' && state !== 'retired')
  const held = inUse.filter(({ events }) => events > 0)
  const firstMs = held[0]?.firstWrittenMs ?? 0
  const lastMs = held.reduce((latest, { lastWrittenMs }) => Math.max(latest, lastWrittenMs), 0)
  const sum = (value: (segment: Overview['segments'][number]) => number) =>
    inUse.reduce((total, segment) => total + value(segment), 0)
  const newest = held.at(-1)
  return {
    directory: log.directory,
    state: log.state,
    // Of so many segments alone that is the state; verify looks at all.
    verifiedSegments: log.verifiedSegments,
    verifiableSegments: verifiableSegments(log.segments),
    bad: log.damage,
    events: log.events,
    firstEventId: log.firstEventId,
    lastEventId: log.lastEventId,
    durableEventId: log.durableEventId,
    staged: log.staging.events,
    firstWrittenMs: firstMs,
    lastWrittenMs: lastMs,
    eventsPerSecond: rate(log.events - log.staging.events, lastMs - firstMs),
    newestSegmentEventsPerSecond:
      newest === undefined ? null : rate(newest.events, newest.lastWrittenMs - newest.firstWrittenMs),
    segments: {
      hot: inUse.filter(({ isCold, state }) => !isCold && state !== 'prepared').length,
      cold: inUse.filter(({ isCold }) => isCold).length,
      prepared: inUse.filter(({ state }) => state === 'prepared').length,
    },
    fileBytes: sum(({ fileBytes }) => fileBytes),
    diskBytes: sum(({ diskBytes }) => diskBytes),
    coldBytes: sum(({ isCold, fileBytes }) => (isCold ? fileBytes : 0)),
    quarantineBytes: log.quarantine.reduce((total, kept) => total + (kept.bytes ?? 0), 0),
    cursors: log.cursors.length,
    slowestCursor: slowest(log),
    writerAlive: log.writerAlive,
    writerPid: log.writerPid,
  }
}

/** Events a second; null where the times are too close together to say. */
function rate(events: number, ms: number): number | null {
  return ms < 1 ? null : (events * 1000) / ms
}

function slowest({ cursors }: Overview): { name: string; eventId: number } | null {
  let found: { name: string; eventId: number } | null = null
  for (const { name, eventId } of cursors) {
    if (eventId !== null && (found === null || eventId < found.eventId)) found = { name, eventId }
  }
  return found
}

function screen(log: Overview, figures: ReturnType<typeof figuresOf>): string {
  const { segments, slowestCursor } = figures
  const range = log.events === 0 ? '' : `, ids ${log.firstEventId} to ${log.lastEventId}`
  const rows: [string, string][] = [
    ['Log', safe(log.directory)],
    ['State', stateOfLook(log)],
    ['Kind', kindOf(log)],
    ['Events', `${count(log.events)}${range}`],
    ['Durable', `up to ${log.durableEventId}, ${counted(behind(log), 'id')} behind the last`],
    ['Staging', staging(log)],
    ['Written', writtenText(figures)],
    [
      'Rate',
      `${rateText(figures.eventsPerSecond)} over all, ${rateText(figures.newestSegmentEventsPerSecond)} in the newest segment`,
    ],
    ['Segments', `${segments.hot} hot, ${segments.cold} cold, ${segments.prepared} prepared; ${sizes(log)}`],
    [
      'Cursors',
      slowestCursor === null
        ? counted(log.cursors.length, 'cursor')
        : `${counted(log.cursors.length, 'cursor')}, the slowest ${safe(slowestCursor.name)} at ${slowestCursor.eventId}`,
    ],
    ['Writer', writer(log)],
  ]
  if (log.quarantine.length > 0) {
    rows.push(['Quarantine', `${counted(log.quarantine.length, 'piece')}, ${bytes(figures.quarantineBytes)}`])
  }
  return facts(rows)
}

function behind({ lastEventId, durableEventId }: Overview): number {
  return Math.max(0, lastEventId - durableEventId)
}

function writtenText({ firstWrittenMs, lastWrittenMs }: ReturnType<typeof figuresOf>): string {
  if (firstWrittenMs === 0) return '-'
  return `${time(firstWrittenMs)} to ${time(lastWrittenMs)}, ${span(lastWrittenMs - firstWrittenMs)}`
}

function rateText(eventsPerSecond: number | null): string {
  if (eventsPerSecond === null) return '-'
  return `${eventsPerSecond < 10 ? eventsPerSecond.toFixed(1) : count(eventsPerSecond)} events/s`
}
