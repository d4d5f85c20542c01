/** `repair`: cuts what is damaged, keeps it, and puts it back if asked to. */
import type { CutReport, RecoveryMode } from '../report.js'
import { confirmed } from './confirm.js'
import { EXIT_CLEAN, EXIT_DAMAGE, UsageError } from './failure.js'
import { gistOf } from './gist.js'
import { rangeText } from './inspect.js'
import { note, print } from './output.js'
import { fileModeOf } from './owner.js'
import { damageText, paragraph, stateText } from './state-line.js'
import { type Column, table } from './table.js'
import { json, safe } from './text.js'
import { type RepairPlan, repairLog, type UndoPlan, undoRepair } from './tools.js'
import { bytes, counted, segmentName } from './units.js'

/** What `repair` takes. */
interface RepairOptions {
  readonly dir: string
  readonly mode: RecoveryMode
  /** The repair to undo; empty: the newest. */
  readonly undo: string | undefined
  readonly yes: boolean
  readonly dryRun: boolean
  readonly json: boolean
}

/** Repairs a log, or undoes that; gives the exit code. */
export async function repair(options: RepairOptions): Promise<number> {
  if (options.yes && options.dryRun) throw new UsageError('--yes and --dry-run contradict each other')
  return options.undo === undefined ? repairIt(options) : undoIt(options, options.undo)
}

async function repairIt({ dir, mode, yes, dryRun, json: asJson }: RepairOptions): Promise<number> {
  // One time for both, so that what is shown is what things are called.
  const atMs = Date.now()
  const plan = await repairLog(dir, { mode, fileMode: 0o600, dry: true, atMs })
  const show = async (said: RepairPlan, done: boolean) => {
    if (asJson) await print(json({ done, ...said, ...gistOf(said) }))
    else if (!done) await print(planScreen(said))
  }
  if (plan.state === 'clean') {
    await show(plan, false)
    return EXIT_CLEAN
  }
  if (dryRun) {
    await show(plan, false)
    return EXIT_DAMAGE
  }
  const fileMode = await fileModeOf(dir)
  if (!asJson) await print(planScreen(plan))
  if (
    !yes &&
    !(await confirmed(plan.lost === null ? 'Repair the log?' : 'Repair the log and lose these events?'))
  ) {
    note('Nothing was changed.')
    return EXIT_DAMAGE
  }
  const done = await repairLog(dir, { mode, fileMode, dry: false, atMs, agreed: plan })
  await show(done, true)
  if (!asJson) await print(doneScreen(dir, done))
  return EXIT_CLEAN
}

async function undoIt({ dir, yes, dryRun, json: asJson }: RepairOptions, name: string): Promise<number> {
  const plan = await undoRepair(dir, name, { fileMode: 0o600, dry: true })
  if (dryRun) {
    await print(asJson ? json({ done: false, ...plan }) : undoScreen(plan))
    return EXIT_CLEAN
  }
  const fileMode = await fileModeOf(dir)
  if (!asJson) await print(undoScreen(plan))
  if (!yes && !(await confirmed('Put this back, damage included?'))) {
    note('Nothing was changed.')
    return EXIT_CLEAN
  }
  // By its name: what was shown is what is done, whatever else was repaired meanwhile.
  const done = await undoRepair(dir, plan.cutAt, { fileMode, dry: false })
  if (asJson) await print(json({ done: true, ...done }))
  else
    await print(
      `${counted(done.files.length, 'piece')} put back: the log is ${undoneText(done)} the repair ${safe(done.cutAt)}.`,
    )
  return EXIT_CLEAN
}

/** Only of bytes that have a checksum it is known that they are what was cut. */
function undoneText({ files }: UndoPlan): string {
  if (files.every(({ checked }) => checked)) return 'what it was before'
  return 'as long as before, and has not been compared with what it was before'
}

function planScreen(plan: RepairPlan): string {
  if (plan.state === 'clean') return `${stateText('clean')}: there is nothing to repair`
  const place = plan.damage === null ? '' : ` at ${damageText(plan.damage)}`
  const kept =
    plan.events === 0
      ? 'no event'
      : `${counted(plan.events, 'event')}, ids ${plan.firstEventId} to ${plan.lastEventId}`
  const lines = [
    paragraph(`The log is ${stateText(plan.state)}${place}`, ''),
    '',
    `Stays: ${kept}`,
    plan.lost === null
      ? 'Lost:  no event that can still be named'
      : `Lost:  ids ${plan.lost.from} to ${plan.lost.to}, ${lostText(plan)}`,
  ]
  if (plan.cuts.length > 0) {
    const columns: readonly Column<CutReport>[] = [
      { title: 'File', value: fileOf },
      { title: 'From offset', right: true, value: ({ offset }) => String(offset) },
      { title: 'Bytes', right: true, spare: 1, value: cut => bytes(cut.bytes) },
      { title: 'Ids in it', value: cut => rangeText(cut.firstEventId, cut.lastEventId) },
      { title: 'What happens', value: cut => whatHappens(cut, plan) },
      { title: 'Kept in', spare: 2, value: ({ keptIn }) => safe(keptIn) },
    ]
    lines.push('', 'Everything that is cut is kept in quarantine/ first:', table(columns, plan.cuts, 2))
  }
  for (const { name, eventId } of plan.cursorsAhead)
    lines.push('', paragraph(aheadText(name, eventId, plan), ''))
  return lines.join('\n')
}

/** What becomes of a cursor behind whose events the log ends. */
function aheadText(name: string, eventId: number, { lastEventId }: RepairPlan): string {
  return (
    `The cursor ${safe(name)} stands at event ${eventId}, which the log will not have any more: opening it will fail with ` +
    `WAL_CURSOR_AHEAD until its consumer resets it, and the ids from ${lastEventId + 1} on are given out again for other ` +
    `events. The repair does not change it. To go on behind the new end: log.cursor('${safe(name)}', ` +
    `{ reset: ${lastEventId} })`
  )
}

function lostText({ lost, durableEventId }: RepairPlan): string {
  if (lost === null || durableEventId < lost.from) return 'none of which is known to have been durable'
  const certain = Math.min(lost.to, durableEventId) - lost.from + 1
  return `of which ${counted(certain, 'id was', 'ids were')} there for certain`
}

function fileOf({ segment, keptIn }: CutReport): string {
  const name = keptIn.split('/').at(-1) ?? ''
  if (segment === null) return safe(name.split('.').slice(0, 2).join('.'))
  return `${segmentName(segment)}${name.includes('.wal.zst.') ? '.wal.zst' : '.wal'}`
}

function whatHappens({ segment, offset }: CutReport, { logEnd }: RepairPlan): string {
  if (segment === null) return 'replaced or removed'
  if (segment !== logEnd.segment) return 'removed'
  return offset > 0 ? 'zeroed from there on' : 'only its good beginning stays'
}

function doneScreen(dir: string, done: RepairPlan): string {
  const how = `flashstrike-wal repair ${safe(dir)} --undo ${done.cutAt ?? ''}`.trimEnd()
  return [
    '',
    `Repaired: the log ends with event ${done.lastEventId} and is ${stateText('clean')}.`,
    ...done.cuts.map(({ keptIn }) => `  Kept: ${safe(keptIn)}`),
    ...(done.cutAt === null
      ? []
      : [paragraph(`As long as nothing is appended, this takes it back: ${how}`, '')]),
  ].join('\n')
}

function undoScreen(plan: UndoPlan): string {
  const columns: readonly Column<UndoPlan['files'][number]>[] = [
    { title: 'File', value: ({ file }) => safe(file) },
    { title: 'From offset', right: true, value: ({ offset }) => String(offset) },
    { title: 'Bytes', right: true, value: piece => bytes(piece.bytes) },
    { title: 'Ids in it', value: piece => rangeText(piece.firstEventId, piece.lastEventId) },
    { title: 'Kept in', spare: 1, value: ({ keptIn }) => safe(keptIn) },
  ]
  const lines = [
    `The repair ${safe(plan.cutAt)} left event ${plan.logEnd.stagedEventId ?? plan.logEnd.eventId} as the last one. It cut:`,
    table(columns, plan.files, 2),
  ]
  const unchecked = plan.files.filter(({ checked }) => !checked).length
  if (unchecked > 0) {
    lines.push(
      paragraph(
        `${counted(unchecked, 'piece')} kept by an older version without a checksum: only the length was compared.`,
      ),
    )
  }
  for (const also of plan.also) {
    lines.push(paragraph(`The repair ${safe(also)} cut at the same place and is not undone: undo it too.`))
  }
  return lines.join('\n')
}
