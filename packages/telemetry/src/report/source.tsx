import {
  type Activity,
  activity,
  type Count,
  type Level,
  lastActivity,
  type Spread,
  type Watermark,
} from '../activity/activity.js'
import type { Heading } from '../activity/heading.js'
import { figure, maybe, measured, percent, rate, utc } from '../figures.js'
import { quantile } from '../histogram.js'
import type { SourceSnapshot } from '../snapshot.js'
import { Course, Distribution } from './charts.js'

/** One source in a report. */
export interface ReportSource extends Heading {
  /** Snapshots one after the other; the last one is what the report tells of, the others give the course of rates. */
  readonly snapshots: readonly SourceSnapshot[]
}

/** All there is to say of a source. */
export function Source({ title, told, isLive, snapshots }: ReportSource) {
  const last = snapshots.at(-1)
  if (last === undefined) return null
  const all = isLive ? activity(last) : lastActivity(last)
  const steps = snapshots.slice(1).map((snapshot, i) => activity(snapshot, snapshots[i]))
  const spreads = [...all.latencies, ...all.sizes]
  const happened = spreads.filter(({ values }) => values.count > 0)
  const never = spreads.filter(({ values }) => values.count === 0)
  return (
    <section>
      <h2>{title}</h2>
      <p>
        <span class={isLive ? 'good' : 'bad'}>{told}</span>
        <span class="dim">
          {' '}
          · since {utc(new Date(last.startTime[0] * 1000))}
          {all.seconds !== undefined && ` · ${figure(all.seconds, 's')}`}
        </span>
      </p>
      <Tiles all={all} />
      {steps.length >= 2 && <Courses steps={steps} />}
      <div class="charts">
        {happened.map(spread => (
          <Chart spread={spread} />
        ))}
      </div>
      <Figures spreads={happened} />
      {never.length > 0 && (
        <p class="dim">Never happened: {never.map(({ part, name }) => `${part} ${name}`).join(', ')}.</p>
      )}
    </section>
  )
}

function Tiles({ all }: { all: Activity }) {
  const counted = ({ name, total, unit, perSecond }: Count) =>
    [name, figure(total, unit), perSecond === undefined ? '' : `${rate(perSecond, unit)} on average`] as const
  const watermark = ({ name, value, unit, behind }: Watermark) =>
    [name, figure(value, unit), behind > 0 ? `${figure(behind, '')} behind` : ''] as const
  const level = ({ name, value, unit }: Level) => [name, figure(value, unit), ''] as const
  const tiles = [
    ...all.counts.map(counted),
    ...all.watermarks.map(watermark),
    ...[...all.levels, ...all.limits].map(level),
    ...all.loops.map(({ part, busy }) => [`${part} busy`, percent(busy), ''] as const),
  ]
  return (
    <div class="tiles">
      {tiles.map(tile => (
        <Tile tile={tile} />
      ))}
      {all.failures.length === 0 && <Tile tile={['failures', 'none', '']} />}
      {all.failures.map(({ name, total }) => (
        <Tile tile={[name, figure(total, ''), '']} isBad />
      ))}
    </div>
  )
}

function Tile({
  tile: [name, value, more],
  isBad = false,
}: {
  tile: readonly [string, string, string]
  isBad?: boolean
}) {
  return (
    <div class="tile">
      <span class="dim">{name}</span>
      <b class={isBad ? 'bad' : undefined}>{value}</b>
      <span class="dim">{more}</span>
    </div>
  )
}

/** How rates and levels went while the report was made, of those that changed. */
function Courses({ steps }: { steps: readonly Activity[] }) {
  const seconds = steps.reduce((sum, step) => sum + (step.seconds ?? 0), 0)
  const [first] = steps
  const rates = first?.counts.map(({ name, unit }, i) => ({
    name: `${name} a second`,
    unit,
    points: steps.map(({ counts }) => counts[i]?.perSecond ?? 0),
  }))
  const levels = first?.levels.map(({ name, unit }, i) => ({
    name,
    unit,
    points: steps.map(({ levels }) => levels[i]?.value ?? 0),
  }))
  const changed = [...(rates ?? []), ...(levels ?? [])].filter(({ points }) => new Set(points).size > 1)
  return (
    <div class="charts">
      {changed.map(course => (
        <figure>
          <h3>{course.name}</h3>
          <Course {...course} seconds={seconds} />
        </figure>
      ))}
    </div>
  )
}

function Chart({ spread: { name, part, unit, values } }: { spread: Spread }) {
  const at = (q: number) => measured(quantile(values, q), unit)
  return (
    <figure>
      <h3>
        <span class="dim">{part}</span> {name}
      </h3>
      <Distribution {...{ name, unit, values }} />
      <figcaption>
        p50 {at(0.5)} · p99 {at(0.99)} · p99.9 {at(0.999)} · max {maybe(values.max, unit)}
      </figcaption>
    </figure>
  )
}

function Figures({ spreads }: { spreads: readonly Spread[] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {['', 'times', 'failed', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'].map(title => (
              <th class={title === '' ? undefined : 'number'}>{title}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {spreads.map(({ part, name, unit, values, times, failed }) => (
            <tr>
              <td>
                <span class="dim">{part}</span> {name}
              </td>
              <td class="number">{figure(times, '')}</td>
              <td class={failed ? 'number bad' : 'number'}>
                {failed === undefined ? '' : figure(failed, '')}
              </td>
              <td class="number">{maybe(values.mean, unit)}</td>
              {[...[0.5, 0.9, 0.99, 0.999].map(q => quantile(values, q)), values.max].map(value => (
                <td class="number">{measured(value, unit)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
