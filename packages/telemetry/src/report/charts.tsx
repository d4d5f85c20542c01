import { figure } from '../figures.js'
import { bucketEnd, quantile } from '../histogram.js'
import type { HistogramValue } from '../snapshot.js'

const WIDTH = 360
const HEIGHT = 130
const TOP = 18
const BASE = HEIGHT - 22
const MARKS = [
  ['p50', 0.5],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const

/** How values are spread: a bar for each bucket on a logarithmic axis, and where the quantiles lie. */
export function Distribution({ values, unit, name }: { values: HistogramValue; unit: string; name: string }) {
  const { bucketCounts, scale, offset } = values
  const first = offset / 2 ** scale
  // At least two octaves, or a single bucket would fill the picture.
  const octaves = Math.max(bucketCounts.length / 2 ** scale, 2)
  const x = (value: number) => ((Math.log2(value) - first) / octaves) * WIDTH
  const most = Math.max(...bucketCounts)
  const marks = MARKS.flatMap(([label, q]) => {
    const value = quantile(values, q)
    return value === undefined ? [] : [{ label, at: Math.min(Math.max(x(value), 0), WIDTH) }]
  })
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Distribution of ${name}`}>
      {bucketCounts.map((count, i) => {
        const [from, to] = [x(bucketEnd(values, i - 1)), x(bucketEnd(values, i))]
        const height = count === 0 ? 0 : Math.max((count / most) * (BASE - TOP), 1)
        return (
          <rect
            class="bar"
            x={fixed(from)}
            y={fixed(BASE - height)}
            width={fixed(Math.max(to - from - 0.5, 0.5))}
            height={fixed(height)}
          />
        )
      })}
      <line class="axis" x1={0} x2={WIDTH} y1={BASE} y2={BASE} />
      {apart(marks).map(({ label, at }) => (
        <g>
          <line class="mark" x1={fixed(at)} x2={fixed(at)} y1={TOP - 4} y2={BASE} />
          <text class="mark" x={fixed(at)} y={TOP - 7} text-anchor={anchor(at)}>
            {label}
          </text>
        </g>
      ))}
      <text x={0} y={HEIGHT - 6}>
        {figure(bucketEnd(values, -1), unit)}
      </text>
      <text x={WIDTH} y={HEIGHT - 6} text-anchor="end">
        {figure(2 ** (first + octaves), unit)}
      </text>
    </svg>
  )
}

/** The course of a number, from zero to its greatest value. */
export function Course({
  points,
  unit,
  name,
  seconds,
}: {
  points: readonly number[]
  unit: string
  name: string
  seconds: number
}) {
  const most = Math.max(...points)
  const x = (i: number) => fixed((i / Math.max(points.length - 1, 1)) * WIDTH)
  const y = (value: number) => fixed(most > 0 ? BASE - (value / most) * (BASE - TOP) : BASE)
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Course of ${name}`}>
      <line class="axis" x1={0} x2={WIDTH} y1={BASE} y2={BASE} />
      <polyline class="course" points={points.map((value, i) => `${x(i)},${y(value)}`).join(' ')} />
      <text x={0} y={TOP - 6}>
        {figure(Math.round(most), unit)}
      </text>
      <text x={0} y={HEIGHT - 6}>
        {figure(seconds, 's')} ago
      </text>
      <text x={WIDTH} y={HEIGHT - 6} text-anchor="end">
        now
      </text>
    </svg>
  )
}

function fixed(value: number): number {
  return Number(value.toFixed(2))
}

/** Labels that would lie on one another are left out, the later ones first; what they mark stands in the table. */
function apart<Mark extends { readonly at: number }>(marks: readonly Mark[]): Mark[] {
  const room = 34
  const kept: Mark[] = []
  for (const mark of marks) if (kept.every(({ at }) => Math.abs(at - mark.at) >= room)) kept.push(mark)
  return kept
}

function anchor(at: number): 'start' | 'middle' | 'end' {
  if (at < 20) return 'start'
  return at > WIDTH - 20 ? 'end' : 'middle'
}
