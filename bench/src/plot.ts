import { parse, type Spec, View } from 'vega'
import type { PlotResult } from './benchmark.js'
import { axisStyle, COLOURS, FONT, FONT_SIZE, powersOfTen, type Theme, titleStyle } from './drawing.js'

/** Small enough for a phone to show it as it is. */
const WIDTH = 400
const HEIGHT = 280
const MARGIN = { left: 88, right: 24, top: 62 }
/** Below the horizontal axis: its numbers and title. */
const AXIS_HEIGHT = 62
const LEGEND_LINE_HEIGHT = 20

/** Draws a plot as SVG. */
export function drawPlot(plot: PlotResult, theme: Theme): Promise<string> {
  return new View(parse(spec(plot, theme)), { renderer: 'none' }).toSVG()
}

function spec(plot: PlotResult, theme: Theme): Spec {
  const { text, page, series: colours } = COLOURS[theme]
  const values = plot.series.flatMap(({ title, points }) => points.map(({ x, y }) => ({ x, y, title })))
  const axis = { ...axisStyle(theme), titlePadding: 10, labelOverlap: false }
  const place = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } }
  return {
    width: WIDTH,
    height: HEIGHT,
    // Nobody can measure text here, so that room for it is given and not computed.
    autosize: 'none',
    padding: { ...MARGIN, bottom: AXIS_HEIGHT + plot.series.length * LEGEND_LINE_HEIGHT },
    background: page,
    title: { ...titleStyle(theme), text: plot.title, dx: 12 - MARGIN.left, subtitle: plot.y },
    data: [{ name: 'points', values }],
    scales: [
      {
        name: 'x',
        type: 'point',
        domain: plot.series[0]?.points.map(({ x }) => x) ?? [],
        range: 'width',
        padding: 0.3,
      },
      { name: 'y', type: 'log', domain: { data: 'points', field: 'y' }, range: 'height', nice: true },
      { name: 'colour', type: 'ordinal', domain: plot.series.map(({ title }) => title), range: colours },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', title: plot.x, ...axis },
      {
        orient: 'left',
        scale: 'y',
        values: powersOfTen(values.map(({ y }) => y)),
        grid: true,
        format: ',',
        ...axis,
      },
    ],
    legends: [
      {
        stroke: 'colour',
        orient: 'bottom',
        direction: 'vertical',
        symbolType: 'stroke',
        symbolStrokeWidth: 3,
        labelColor: text,
        labelFont: FONT,
        labelFontSize: FONT_SIZE,
        labelLimit: 0,
        offset: 14,
      },
    ],
    marks: [
      {
        type: 'group',
        from: { facet: { name: 'line', data: 'points', groupby: 'title' } },
        marks: [
          {
            type: 'line',
            from: { data: 'line' },
            encode: {
              enter: { ...place, stroke: { scale: 'colour', field: 'title' }, strokeWidth: { value: 2.5 } },
            },
          },
          {
            type: 'symbol',
            from: { data: 'line' },
            encode: { enter: { ...place, fill: { scale: 'colour', field: 'title' }, size: { value: 45 } } },
          },
        ],
      },
    ],
  }
}
