// One panel of a dashboard, drawn as SVG in colours that the page around it names.
import { expressionFunction, parse, View } from 'vega'
import { writerOf } from './units.mjs'

const FONT = 'system-ui, sans-serif'
const FONT_SIZE = 12
/** What a letter of a legend takes at most: nobody can measure text here. */
const LETTER = 6.2
const SYMBOL = 24
const LEGEND_LINE = 18
/** Of a panel, at most; Grafana scrolls what is behind that. */
const LEGEND_PART = 0.35
const MARGIN = { left: 74, right: 30, top: 38 }
const AXIS_HEIGHT = 26
const COLOURS = 9

expressionFunction('written', (value, unit) => writerOf(unit)(value))

/** Draws `values`, each with its `legend`, `time` in milliseconds and `value`. */
export async function drawPanel({ title, unit, legends, values, from, to }, { width, height }) {
  const lines = legendLines(legends, { width, height })
  const legendHeight = lines.length * LEGEND_LINE + 8
  const plotHeight = height - MARGIN.top - AXIS_HEIGHT - legendHeight
  const view = new View(
    parse({
      width: width - MARGIN.left - MARGIN.right,
      height: plotHeight,
      autosize: 'none',
      padding: { ...MARGIN, bottom: AXIS_HEIGHT + legendHeight },
      data: [{ name: 'values', values }],
      scales: [
        { name: 'x', type: 'utc', domain: [from, to], range: 'width' },
        { name: 'y', domain: [0, highest(values)], range: 'height', nice: true },
        { name: 'colour', type: 'ordinal', domain: legends, range: legends.map(colour) },
      ],
      axes: axes(unit, width, plotHeight),
      marks: [courses()],
    }),
    { renderer: 'none' },
  )
  const svg = await view.toSVG()
  view.finalize()
  const top = height - legendHeight
  const legend = lines.flatMap((line, i) => line.map(entry => drawEntry(entry, top + i * LEGEND_LINE)))
  return svg.replace('</svg>', () => `<text class="r" x="12" y="24">${title}</text>${legend.join('')}</svg>`)
}

const colour = (_, i) => `var(--c${i % COLOURS})`

/** The legends in as many lines as there is room for, each with where it begins; the last one says how many there are more. */
function legendLines(legends, { width, height }) {
  const lines = [[]]
  let x = 12
  for (const [i, text] of legends.entries()) {
    const room = SYMBOL + text.length * LETTER + 12
    if (x > 12 && x + room > width) {
      lines.push([])
      x = 12
    }
    lines.at(-1).push({ x, text, colour: colour(text, i) })
    x += room
  }
  const most = Math.floor((height * LEGEND_PART) / LEGEND_LINE)
  if (lines.length <= most) return lines
  const hidden = lines.splice(most - 1).flat().length
  return [...lines, [{ x: 12, text: `${hidden} more` }]]
}

function drawEntry({ x, text, colour }, top) {
  const symbol = colour && `<rect x="${x}" y="${top + 5}" width="16" height="3" rx="1.5" fill="${colour}"/>`
  return `${symbol ?? ''}<text class="l" x="${x + SYMBOL - 2}" y="${top + 11}">${text}</text>`
}

/** The top of an axis that begins at 0, also where nothing is above it. */
function highest(values) {
  return Math.max(...values.map(({ value }) => value)) * 1.05 || 1
}

function axes(unit, width, height) {
  const style = {
    labelColor: 'var(--dim)',
    labelFont: FONT,
    labelFontSize: FONT_SIZE,
    gridColor: 'var(--grid)',
    domain: false,
    ticks: false,
    grid: true,
    labelPadding: 6,
  }
  const text = { signal: `written(datum.value, '${unit}')` }
  return [
    { ...style, orient: 'bottom', scale: 'x', format: '%H:%M:%S', tickCount: width > 380 ? 5 : 4 },
    {
      ...style,
      orient: 'left',
      scale: 'y',
      tickCount: Math.max(2, Math.floor(height / 40)),
      encode: { labels: { update: { text } } },
    },
  ]
}

function courses() {
  return {
    type: 'group',
    from: { facet: { name: 'line', data: 'values', groupby: 'legend' } },
    marks: [
      {
        type: 'line',
        from: { data: 'line' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'time' },
            y: { scale: 'y', field: 'value' },
            stroke: { scale: 'colour', field: 'legend' },
            strokeWidth: { value: 1.6 },
          },
        },
      },
    ],
  }
}
