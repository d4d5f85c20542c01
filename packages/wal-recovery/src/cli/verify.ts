/** `verify`: reads every segment and says whether anything is wrong. */
import type { VerifySummary } from '../report.js'
import { EXIT_CLEAN, EXIT_DAMAGE } from './failure.js'
import { adviceOn } from './log-kind.js'
import { print } from './output.js'
import { Progress } from './progress.js'
import { damageText, paragraph, stateText } from './state-line.js'
import { json, safe } from './text.js'
import { verifyLog } from './tools.js'
import { bytes, count, counted } from './units.js'

/** Verifies a log; gives the exit code. */
export async function verify({ dir, json: asJson }: { dir: string; json: boolean }): Promise<number> {
  const progress = new Progress('Verifying', 'segments', asJson)
  let read = 0
  const summary = await verifyLog(dir, ({ segments, ofSegments, bytes }) => {
    read = bytes
    progress.at(segments, ofSegments, bytes)
  }).finally(() => progress.end())
  const { firstId: firstEventId, lastId: lastEventId } = summary
  // Its own names, and those that every command has.
  await print(asJson ? json({ ...summary, firstEventId, lastEventId }) : screen(summary, read))
  return summary.state === 'clean' ? EXIT_CLEAN : EXIT_DAMAGE
}

function screen(summary: VerifySummary, read: number): string {
  const { state, events, firstId, lastId, staged, bad, durableEventId, segments, elapsedNs } = summary
  const range = events === 0 ? '' : `, ids ${firstId} to ${lastId}`
  const taken = staged === 0 ? '' : `, ${count(staged)} of them staged`
  const seconds = elapsedNs / 1e9
  const speed = read > 0 ? `, ${bytes(read)} at ${bytes(read / Math.max(seconds, 1e-6))}/s` : ''
  const lines = [
    `${stateText(state)}: ${counted(events, 'event')}${range}${taken}, durable up to ${durableEventId}`,
    `  ${counted(segments, 'segment')} verified in ${seconds.toFixed(2)} s${speed}`,
  ]
  if (bad !== null) lines.push(paragraph(`First damage at ${damageText(bad)}`))
  if (state !== 'clean') lines.push(paragraph(adviceOn(state)))
  for (const remark of [...summary.unproven, ...summary.notes]) lines.push(paragraph(`Note: ${safe(remark)}`))
  return lines.join('\n')
}
