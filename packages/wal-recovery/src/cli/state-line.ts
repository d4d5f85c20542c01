/** The one line that says how a log is. */
import type { DamageReport } from '../report.js'
import { colours, columns } from './output.js'
import { wrapped } from './table.js'
import { safe } from './text.js'

type State = 'clean' | 'torn' | 'corrupt'

/** The state, coloured. */
export function stateText(state: State): string {
  const { bold, green, yellow, red } = colours(process.stdout)
  return bold({ clean: green, torn: yellow, corrupt: red }[state](state))
}

/** `00000002.wal, offset 4096: the block's header has another checksum` */
export function damageText(damage: DamageReport): string {
  const place =
    damage.segment === null
      ? 'wal.staging'
      : `segment ${String(damage.segment).padStart(8, '0')}, offset ${damage.offset}`
  return `${place}: ${safe(damage.reason)}`
}

/** Text in lines that fit the terminal, each behind the same margin. */
export function paragraph(text: string, margin = '  '): string {
  return wrapped(text, columns() - margin.length)
    .map(line => margin + line)
    .join('\n')
}
