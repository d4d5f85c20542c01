/** The one line that says how a log is. */
import type { DamageReport } from '../report.js'
import { colours, columns } from './output.js'
import { wrapped } from './table.js'
import { safe } from './text.js'
import type { Overview } from './tools.js'
import { count, counted, segmentName } from './units.js'

type State = 'clean' | 'torn' | 'corrupt'

/** The state, coloured. */
export function stateText(state: State): string {
  const { bold, green, yellow, red } = colours(process.stdout)
  return bold({ clean: green, torn: yellow, corrupt: red }[state](state))
}

/** The state as far as a look at a log goes that does not read sealed segments, and how far that is. */
export function stateOfLook({ state, damage, segments, verifiedSegments }: Overview): string {
  if (damage !== null) return `${stateText(state)} at ${damageText(damage)}`
  const all = verifiableSegments(segments)
  if (verifiedSegments >= all) return stateText(state)
  const looked = `of ${counted(all, 'segment')} the last ${count(verifiedSegments)} verified, as opening does`
  return `${stateText(state)} as far as looked: ${looked}; flashstrike-wal verify reads every one`
}

/** How many segments `verify` would read. */
export function verifiableSegments(segments: Overview['segments']): number {
  return segments.filter(({ state }) => state !== 'prepared' && state !== 'retired').length
}

/** `00000002.wal, offset 4096: the block's header has another checksum` */
export function damageText(damage: DamageReport): string {
  const place =
    damage.segment === null
      ? 'wal.staging'
      : `segment ${segmentName(damage.segment)}, offset ${damage.offset}`
  return `${place}: ${safe(damage.reason)}`
}

/** Text in lines that fit the terminal, each behind the same margin. */
export function paragraph(text: string, margin = '  '): string {
  return wrapped(text, columns() - margin.length)
    .map(line => margin + line)
    .join('\n')
}
