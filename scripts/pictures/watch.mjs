// What `flashstrike-telemetry watch` shows, as pictures of a terminal: as wide as a desk has it, and as a phone can show it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pictures } from './place.mjs'

const SECONDS = 8
const ROOMS = { watch: { columns: 110, rows: 30 }, 'watch-phone': { columns: 52, rows: 36 } }

/** The last of several screens of a page, each as it stands on a terminal. */
export async function watch(page) {
  const { screen } = await import('../../packages/telemetry/dist/cli/watch/screen.js')
  const { History } = await import('../../packages/telemetry/dist/cli/watch/history.js')
  const { Page } = await import('../../packages/telemetry/dist/cli/page.js')
  const watched = new Page(page)
  const history = new History()
  let shown
  for (let look = 0; look < SECONDS * 4; look += 1) {
    const { snapshot, title, told } = watched.look()
    shown = { title, state: told, isLive: true, lately: history.add(snapshot) }
    await sleep(250)
  }
  watched.source.close()
  const colours = { bold: mark('b'), dim: mark('d'), green: mark('g'), red: mark('r'), yellow: mark('y') }
  for (const [name, room] of Object.entries(ROOMS)) {
    const lines = screen([shown], [], { ...room, colours })
    writeFileSync(join(pictures, `${name}.svg`), terminal(lines, room.columns))
  }
}

/** What picocolors does, with marks that are read again below instead of what commands a terminal. */
function mark(style) {
  return text => `\u0001${style}${text}\u0002`
}

/** Lines as a picture, in the colours of a terminal, light or dark as the reader prefers. */
function terminal(lines, columns) {
  const [width, line] = [8.4, 18]
  const escaped = text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const styled = text =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the marks above
    escaped(text).replaceAll(/\u0001(\w)([^\u0002]*)\u0002/g, '<tspan class="$1">$2</tspan>')
  const rows = lines.map(
    (text, i) => `<text x="12" y="${(i + 1.4) * line}" xml:space="preserve">${styled(text)}</text>`,
  )
  const [w, h] = [Math.ceil(columns * width) + 24, Math.ceil((lines.length + 1) * line)]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}">
<title>flashstrike-telemetry watch</title>
<style>
  rect { fill: #f6f8f9 } text { font: 14px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #1d2327 }
  .b { font-weight: bold } .d { fill: #5f6b73 } .g { fill: #1a7f37 } .r { fill: #b42318 } .y { fill: #9a6700 }
  @media (prefers-color-scheme: dark) {
    rect { fill: #14181b } text { fill: #e4e8eb }
    .d { fill: #9aa6ae } .g { fill: #4ac26b } .r { fill: #ff7b72 } .y { fill: #d29922 }
  }
</style>
<rect width="100%" height="100%" rx="8"/>
${rows.join('\n')}
</svg>
`
}
