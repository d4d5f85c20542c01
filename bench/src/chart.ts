import { parse, type Spec, View } from 'vega'
import type { ChartResult } from './benchmark.js'
import { axisStyle, COLOURS, FONT, FONT_SIZE, powersOfTen, type Theme, titleStyle } from './drawing.js'
import { quantity } from './terminal.js'

/** Small enough for a phone to show it as it is. */
const WIDTH = 440
/** What is right of the lines is for the numbers. */
const LINE_WIDTH = 320
const ROW_HEIGHT = 44
/** From the top of a row to the middle of its line. */
const LINE_AT = 27
const MARGIN = { left: 16, right: 16, top: 58, bottom: 28 }
/** Small enough for the longest name of a contestant. */
const LABEL_SIZE = FONT_SIZE - 2

/** Draws what the contestants of a benchmark reached as SVG: a row each, on a logarithmic axis that all share. */
export function drawChart(chart: ChartResult, theme: Theme): Promise<string> {
  return new View(parse(spec(chart, theme)), { renderer: 'none' }).toSVG()
}

function spec({ title, unit, rows }: ChartResult, theme: Theme): Spec {
  const { text, grid, page, series } = COLOURS[theme]
  const values = rows.map(({ title, value, ours }, row) => ({
    title: title.replaceAll('`', ''),
    number: quantity(value, unit),
    value,
    colour: ours ? series[0] : series[2],
    weight: ours ? 'bold' : 'normal',
    top: row * ROW_HEIGHT,
    middle: row * ROW_HEIGHT + LINE_AT,
  }))
  const lines = powersOfTen(rows.map(({ value }) => value))
  const label = {
    font: { value: FONT },
    fontSize: { value: LABEL_SIZE },
    fontWeight: { field: 'weight' },
    fill: { value: text },
  }
  return {
    width: WIDTH,
    height: rows.length * ROW_HEIGHT,
    // Nobody can measure text here, so that room for it is given and not computed.
    autosize: 'none',
    padding: MARGIN,
    background: page,
    title: { ...titleStyle(theme), text: title, subtitle: unit },
    data: [{ name: 'rows', values }],
    scales: [
      {
        name: 'x',
        type: 'log',
        domain: [lines[0] ?? 1, lines.at(-1) ?? 10],
        range: [0, LINE_WIDTH],
      },
    ],
    axes: [
      {
        orient: 'bottom',
        scale: 'x',
        values: lines,
        grid: true,
        ...axisStyle(theme),
        labelFontSize: LABEL_SIZE,
      },
    ],
    marks: [
      {
        type: 'text',
        from: { data: 'rows' },
        encode: {
          enter: {
            ...label,
            x: { value: 0 },
            y: { field: 'top', offset: 14 },
            text: { field: 'title' },
          },
        },
      },
      {
        type: 'rule',
        from: { data: 'rows' },
        encode: {
          enter: {
            x: { value: 0 },
            x2: { value: LINE_WIDTH },
            y: { field: 'middle' },
            stroke: { value: grid },
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'rows' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'value' },
            y: { field: 'middle' },
            fill: { field: 'colour' },
            size: { value: 90 },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'rows' },
        encode: {
          enter: {
            ...label,
            x: { value: WIDTH },
            y: { field: 'middle', offset: 5 },
            align: { value: 'right' },
            text: { field: 'number' },
          },
        },
      },
    ],
  }
}
