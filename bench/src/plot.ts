import { parse, type Spec, View } from 'vega'
import type { PlotResult } from './benchmark.js'

/** The page that a plot stands on. */
export type Theme = 'light' | 'dark'
export const THEMES: readonly Theme[] = ['light', 'dark']

/** Small enough for a phone to show it as it is. */
const WIDTH = 400
const HEIGHT = 280
const MARGIN = { left: 88, right: 24, top: 62 }
/** Below the horizontal axis: its numbers and title. */
const AXIS_HEIGHT = 62
const LEGEND_LINE_HEIGHT = 20
const FONT = 'system-ui, sans-serif'
const FONT_SIZE = 14

const COLOURS = {
  light: {
    text: '#1f2328',
    grid: '#d1d9e0',
    page: '#ffffff',
    series: ['#0969da', '#bc4c00', '#6e7781', '#8250df'],
  },
  dark: {
    text: '#e6edf3',
    grid: '#3d444d',
    page: '#0d1117',
    series: ['#4493f8', '#f0883e', '#9198a1', '#ab7df8'],
  },
}

/** Draws a plot as SVG. */
export function drawPlot(plot: PlotResult, theme: Theme): Promise<string> {
  return new View(parse(spec(plot, theme)), { renderer: 'none' }).toSVG()
}

function spec(plot: PlotResult, theme: Theme): Spec {
  const { text, grid, page, series: colours } = COLOURS[theme]
  const values = plot.series.flatMap(({ title, points }) => points.map(({ x, y }) => ({ x, y, title })))
  const axis = {
    labelColor: text,
    titleColor: text,
    domainColor: grid,
    tickColor: grid,
    gridColor: grid,
    labelFont: FONT,
    titleFont: FONT,
    labelFontSize: FONT_SIZE,
    titleFontSize: FONT_SIZE,
    titleFontWeight: 'normal' as const,
    titlePadding: 10,
    labelOverlap: false,
  }
  const place = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } }
  return {
    width: WIDTH,
    height: HEIGHT,
    // Nobody can measure text here, so that room for it is given and not computed.
    autosize: 'none',
    padding: { ...MARGIN, bottom: AXIS_HEIGHT + plot.series.length * LEGEND_LINE_HEIGHT },
    background: page,
    title: {
      text: plot.title,
      color: text,
      font: FONT,
      fontSize: FONT_SIZE + 2,
      anchor: 'start',
      frame: 'group',
      offset: 12,
      dx: 12 - MARGIN.left,
      subtitle: plot.y,
      subtitleColor: text,
      subtitleFont: FONT,
      subtitleFontSize: FONT_SIZE,
      subtitlePadding: 5,
    },
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
      { orient: 'left', scale: 'y', values: powersOfTen(values), grid: true, format: ',', ...axis },
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

/** The lines of a logarithmic axis that has room for all values. */
function powersOfTen(values: readonly { readonly y: number }[]): number[] {
  const ys = values.map(({ y }) => y)
  const [first, last] = [Math.floor(Math.log10(Math.min(...ys))), Math.ceil(Math.log10(Math.max(...ys)))]
  return Array.from({ length: last - first + 1 }, (_, n) => 10 ** (first + n))
}
