/** `inspect`: everything that lies in a log's directory. */
import { EXIT_CLEAN, EXIT_DAMAGE } from './failure.js'
import { gistOf } from './gist.js'
import { adviceOn, kindOf, schemaOf } from './log-kind.js'
import { colours, print } from './output.js'
import { paragraph, stateOfLook } from './state-line.js'
import { type Column, facts, table } from './table.js'
import { json, safe } from './text.js'
import {
  type CursorOverview,
  inspectLog,
  type Overview,
  type QuarantineOverview,
  type SegmentOverview,
} from './tools.js'
import { bytes, count, counted, segmentName, time } from './units.js'

/** Shows what a log consists of; gives the exit code. */
export async function inspect({ dir, json: asJson }: { dir: string; json: boolean }): Promise<number> {
  const log = await inspectLog(dir)
  if (asJson) await print(json({ ...log, ...gistOf(log), schema: schemaOf(log) ?? null }))
  else await print(screen(log))
  return log.state === 'clean' ? EXIT_CLEAN : EXIT_DAMAGE
}

function screen(log: Overview): string {
  const { bold } = colours(process.stdout)
  const parts = [summary(log)]
  const section = (title: string, text: string) => parts.push(`${bold(title)}\n${text}`)
  section('Segments', table(segmentColumns, log.segments, 2))
  if (log.cursors.length > 0) section('Cursors', table(cursorColumns, log.cursors, 2))
  if (log.quarantine.length > 0) section('Quarantine', table(quarantineColumns, log.quarantine, 2))
  const remarks = [...log.unproven, ...log.notes].map(safe)
  if (log.leftovers.length > 0) remarks.push(`unfinished files: ${log.leftovers.map(safe).join(', ')}`)
  if (remarks.length > 0) section('Notes', remarks.map(remark => paragraph(remark)).join('\n'))
  return parts.join('\n\n')
}

function summary(log: Overview): string {
  const rows: [string, string][] = [
    ['Log', safe(log.directory)],
    ['State', stateOfLook(log)],
    ...(log.state === 'clean' ? [] : [['', adviceOn(log.state)] as [string, string]]),
    ['Log id', log.logId ?? '-'],
    ['Events', `${count(log.events)}${ids(log)}, durable up to ${log.durableEventId}`],
    ['Kind', kindOf(log)],
    ['Segments', `${counted(log.segments.length, 'file')} of ${bytes(log.segmentSize)}, ${sizes(log)}`],
    ['Writer', writer(log)],
    ['wal.meta', meta(log)],
    ['Staging', staging(log)],
  ]
  if (log.fileSystem !== null) rows.push(['On', log.fileSystem])
  return facts(rows)
}

function ids({ events, firstEventId, lastEventId }: Overview): string {
  return events === 0 ? '' : `, ids ${firstEventId} to ${lastEventId}`
}

/** What the segments take on disk. */
export function sizes({ segments }: Overview): string {
  const disk = segments.reduce((sum, segment) => sum + segment.diskBytes, 0)
  const cold = segments.filter(segment => segment.isCold).length
  return `${bytes(disk)} on disk${cold > 0 ? `, ${cold} compressed` : ''}`
}

/** Whether somebody appends. */
export function writer({ writerAlive, writerPid }: Overview): string {
  if (!writerAlive) return 'none'
  return writerPid === null ? 'alive' : `alive, process ${writerPid}`
}

function meta({ meta, unproven }: Overview): string {
  if (meta.state === 'missing' || meta.state === 'damaged') {
    const rest = unproven.length > 0 ? ', as far as they can: see Notes' : ''
    return `${meta.state}: where the log begins and ends, and what is durable, is told by its other files${rest}`
  }
  const closed = meta.closedCleanly ? 'closed cleanly' : 'not closed cleanly'
  return `${meta.state}, ${closed}, begins with segment ${meta.firstSegment}, durable up to ${meta.durableEventId}`
}

/** What stands in the staging memory. */
export function staging({ staging, writerAlive }: Overview): string {
  if (!staging.present) return 'none'
  if (writerAlive) return 'in use by the writer'
  if (staging.notTaken !== null) return `not taken: ${safe(staging.notTaken)}`
  if (staging.events === 0) return 'empty'
  return `${counted(staging.events, 'event')}, ids ${staging.firstEventId} to ${staging.lastEventId}`
}

const stateNames: Record<SegmentOverview['state'], string> = {
  sealed: 'sealed',
  active: 'active',
  unsealed: 'unsealed',
  prepared: 'prepared',
  retired: 'retired',
  foreign: 'of another log',
  unreadable: 'unreadable',
  missing: 'MISSING',
}

const segmentColumns: readonly Column<SegmentOverview>[] = [
  { title: 'Segment', value: segment => segmentName(segment.index) },
  { title: 'State', value: segment => `${stateNames[segment.state]}${segment.isCold ? ' cold' : ''}` },
  { title: 'First id', right: true, value: segment => idText(segment.firstEventId) },
  { title: 'Last id', right: true, value: segment => idText(segment.lastEventId) },
  { title: 'Events', right: true, spare: 2, value: segment => count(segment.events) },
  {
    title: 'Blocks',
    right: true,
    spare: 6,
    value: segment => (segment.blocks ? count(segment.blocks) : '-'),
  },
  { title: 'Used', right: true, spare: 5, value: segment => sizeText(segment.usedBytes) },
  { title: 'On disk', right: true, value: segment => sizeText(segment.diskBytes) },
  { title: 'Ratio', right: true, spare: 3, value: ({ ratio }) => (ratio === null ? '-' : ratio.toFixed(1)) },
  { title: 'Prepared', spare: 7, value: segment => time(segment.createdMs) },
  { title: 'First written', spare: 4, value: segment => time(segment.firstWrittenMs) },
  { title: 'Last written', spare: 1, value: segment => time(segment.lastWrittenMs) },
  { title: 'Sealed', spare: 8, value: segment => time(segment.sealedMs) },
]

const cursorColumns: readonly Column<CursorOverview>[] = [
  { title: 'Name', value: cursor => safe(cursor.name) },
  { title: 'Done up to', right: true, value: ({ eventId }) => (eventId === null ? '-' : String(eventId)) },
  { title: 'Behind', right: true, value: ({ behind }) => (behind === null ? '-' : count(behind)) },
  { title: 'Committed', value: cursor => time(cursor.updatedMs) },
  { title: 'Held', value: ({ held }) => (held ? 'yes' : 'no') },
  { title: 'Problem', spare: 1, below: true, value: ({ problem }) => safe(problem ?? '') },
]

const quarantineColumns: readonly Column<QuarantineOverview>[] = [
  { title: 'Cut at', value: ({ cutAt }) => safe(cutAt ?? '-') },
  { title: 'From', value: ({ file, name }) => safe(file ?? name) },
  { title: 'Offset', right: true, value: ({ offset }) => (offset === null ? '-' : String(offset)) },
  { title: 'Kept', right: true, value: kept => sizeText(kept.bytes) },
  { title: 'Ids', value: kept => rangeText(kept.firstEventId, kept.lastEventId) },
  { title: 'Put back', spare: 2, value: ({ undoneAt }) => safe(undoneAt ?? 'no') },
  { title: 'Reason', spare: 3, below: true, value: ({ reason }) => safe(reason ?? '') },
]

function idText(id: number): string {
  return id === 0 ? '-' : String(id)
}

function sizeText(size: number | null): string {
  return size === null ? '-' : bytes(size)
}

/** `3 to 9`, or a dash where none can be read. */
export function rangeText(first: number | null, last: number | null): string {
  if (first === null || last === null || last === 0) return '-'
  return `${first} to ${last}`
}
