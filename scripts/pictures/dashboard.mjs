// The Grafana dashboard, drawn from its own file: its panels in its layout, with its titles, units and legends, and what
// Prometheus answers to its queries.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawPanel } from './panel.mjs'
import { observability, pictures } from './place.mjs'
import { queryRange, SCRAPE } from './prometheus.mjs'

/** How much of the past is drawn. */
export const SECONDS = 110
/** Of a line of 24 columns, and of one of its units of height. */
const DESK = { width: 1152, unit: 34 }
const PHONE = { width: 390, height: 232 }
const GAP = 8
const ROW_HEIGHT = 38

/** Draws the dashboard as it is when it is opened, as wide as a desk and as a phone. */
export async function dashboard(url) {
  const { title, panels } = JSON.parse(readFileSync(join(observability, 'grafana-dashboard.json'), 'utf8'))
  const end = Math.floor(Date.now() / 1000)
  const answered = []
  for (const panel of panels) answered.push(panel.type === 'row' ? panel : await answer(url, panel, end))
  writeFileSync(join(pictures, 'dashboard.svg'), await draw(title, answered, desk))
  writeFileSync(join(pictures, 'dashboard-phone.svg'), await draw(title, answered, phone))
}

/** A panel with what its queries give. */
async function answer(url, { title, fieldConfig, gridPos, targets }, end) {
  const range = { end, seconds: SECONDS, step: SCRAPE }
  const values = []
  for (const { expr, legendFormat } of targets) {
    for (const { metric, values: found } of await queryRange(url, filled(expr), range)) {
      const legend = legendFormat.replaceAll(/{{(\w+)}}/g, (_, label) => metric[label] ?? '')
      for (const [seconds, text] of found) {
        // Where nothing has happened there is no quantile.
        if (text !== 'NaN') values.push({ legend: tidy(legend), time: seconds * 1000, value: Number(text) })
      }
    }
  }
  if (values.length === 0) throw new Error(`the panel ${title} is empty`)
  const legends = [...new Set(values.map(({ legend }) => legend))]
  const span = { from: (end - SECONDS) * 1000, to: end * 1000 }
  return { title, unit: fieldConfig.defaults.unit, gridPos, legends, values, ...span }
}

/** As Grafana asks it. */
function filled(expression) {
  return expression.replaceAll('$__rate_interval', `${4 * SCRAPE}s`).replaceAll(/\$(job|log)/g, '.*')
}

function tidy(legend) {
  return legend.replaceAll(/\s+/g, ' ').trim()
}

/** Where each panel of a wide screen stands; rows that are folded take no more than their line. */
function desk(panels) {
  let y = 0
  let line = { at: -1, bottom: 0 }
  return {
    width: DESK.width,
    places: panels.map(panel => {
      const { x, y: at, w, h } = panel.gridPos
      if (at !== line.at) {
        y = line.bottom
        line = { at, bottom: y + (panel.type === 'row' ? ROW_HEIGHT : h * DESK.unit) }
      }
      const column = DESK.width / 24
      const height = (panel.type === 'row' ? ROW_HEIGHT : h * DESK.unit) - GAP
      return { x: x * column + GAP / 2, y, width: w * column - GAP, height }
    }),
  }
}

/** One below the other, as Grafana has them on a phone. */
function phone(panels) {
  let y = 0
  const width = PHONE.width - GAP
  return {
    width: PHONE.width,
    places: panels.map(panel => {
      const height = panel.type === 'row' ? ROW_HEIGHT - GAP : PHONE.height
      const place = { x: GAP / 2, y, width, height }
      y += height + GAP
      return place
    }),
  }
}

const HEAD = 44

async function draw(title, panels, arrange) {
  const { width, places } = arrange(panels)
  const drawn = []
  for (const [i, panel] of panels.entries()) {
    const place = { ...places[i], y: places[i].y + HEAD }
    drawn.push(panel.type === 'row' ? row(panel, place) : framed(await drawPanel(panel, place), place))
  }
  const height = Math.ceil(Math.max(...places.map(({ y, height }) => y + height))) + HEAD + GAP
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>${title}</title>
${STYLE}
<rect width="100%" height="100%" rx="8" fill="var(--page)"/>
<text class="h" x="12" y="29">${title}</text>
${drawn.join('\n')}
</svg>
`
}

const STYLE = `<style>
  :root {
    --page: #f4f5f5; --panel: #fff; --edge: #d8dbde; --grid: #e6e8ea; --text: #24292e; --dim: #5a646d;
    --c0: #2f9e44; --c1: #d9820b; --c2: #1c7ed6; --c3: #c2255c; --c4: #7048e8; --c5: #0b7285; --c6: #8a6d00; --c7: #a61e4d; --c8: #495057
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --page: #111217; --panel: #181b1f; --edge: #2c3035; --grid: #2a2e34; --text: #ccccdc; --dim: #9fa7b3;
      --c0: #73bf69; --c1: #f2cc0c; --c2: #6ea8fe; --c3: #ff7383; --c4: #b877d9; --c5: #5fd4e0; --c6: #ff9830; --c7: #f79ac0; --c8: #aeb4bc
    }
  }
  .h { font: 600 17px system-ui, sans-serif; fill: var(--text) }
  .r { font: 500 14px system-ui, sans-serif; fill: var(--text) }
  .l { font: 11px system-ui, sans-serif; fill: var(--text) }
</style>`

function framed(svg, { x, y, width, height }) {
  const frame = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="3" fill="var(--panel)" stroke="var(--edge)"/>`
  return frame + svg.replace('<svg ', `<svg x="${x}" y="${y}" `)
}

function row({ title, collapsed, panels }, { x, y, height }) {
  const more = collapsed ? ` (${panels.length} panels)` : ''
  return `<text class="r" x="${x + 8}" y="${y + height / 2 + 5}">${collapsed ? '›' : '⌄'}  ${title}${more}</text>`
}
