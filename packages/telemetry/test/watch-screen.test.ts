/** What `watch` draws, without a terminal, and what `report` has to say alike. */
import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import * as fc from 'fast-check'
import pc from 'picocolors'
import { History } from '#src/cli/watch/history.js'
import { type Shown, screen } from '#src/cli/watch/screen.js'
import { type Metric, type SourceSnapshot, walMetrics } from '#src/index.js'
import { report } from '#src/report/report.js'
import { goldenBytes, sourceOf } from './support.js'

const colours = pc.createColors(true)
const golden = walMetrics(sourceOf(goldenBytes)).snapshot().sources[0] as SourceSnapshot

function shownOf(snapshot: SourceSnapshot, title = 'orders'): Shown {
  return { title, told: 'live', isLive: true, lately: new History().add(snapshot) }
}

/** What `watch` shows of it where there is room. */
function drawn(snapshot: SourceSnapshot): string {
  const room = { columns: 200, rows: 100, colours: pc.createColors(false) }
  return screen([shownOf(snapshot)], [], room).join('\n')
}

/** What `report` says of it, without its tags. */
function reported(snapshot: SourceSnapshot): string {
  const source = { title: 'orders', told: 'live', isLive: true, snapshots: [snapshot] }
  const [, body = ''] = report([source], new Date()).split('<body>')
  return body.replaceAll(/(<[^>]*>)+/g, ' ')
}

/** The snapshot some seconds later, with so many more events and calls. */
function later(snapshot: SourceSnapshot, seconds: number, more: number): SourceSnapshot {
  const [at, ns] = snapshot.time
  const metrics = snapshot.metrics.map(metric => {
    if (metric.kind === 'counter') return { ...metric, value: metric.value + more }
    if (metric.kind === 'operation') {
      return { ...metric, value: { ...metric.value, ok: metric.value.ok + more } }
    }
    return metric
  })
  return { ...snapshot, time: [at + seconds, ns], metrics }
}

test('no line is longer than the terminal is wide, and there are no more than it is high', async t => {
  const room = fc.record({
    columns: fc.integer({ min: 20, max: 250 }),
    rows: fc.integer({ min: 5, max: 80 }),
  })
  const title = fc.string({ maxLength: 200, unit: 'binary-ascii' })
  const told = fc.constantFrom('live', 'process 4194304 is dead, these are its last values')
  await fc.assert(
    fc.property(room, fc.array(title, { minLength: 1, maxLength: 3 }), told, (room, titles, told) => {
      const lines = screen(
        titles.map(title => ({ ...shownOf(golden, title), told })),
        titles,
        { ...room, colours },
      )
      t.true(lines.length <= room.rows, `${lines.length} lines in ${room.rows}`)
      for (const line of lines) {
        const plain = stripVTControlCharacters(line)
        t.true(plain.length <= room.columns, `${room.columns} columns: ${plain}`)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
        t.notRegex(plain, /[\u0000-\u001f\u007f-\u009f]/)
      }
    }),
  )
})

test('characters that take two columns, or share one, are counted as a terminal counts them', async t => {
  const widths = new Map([
    ['a', 1],
    ['e\u0301', 1],
    ['世', 2],
    ['ｗ', 2],
    ['😀', 2],
    ['👩‍🚀', 2],
  ])
  const text = fc.array(fc.constantFrom(...widths.keys()), { minLength: 1, maxLength: 80 })
  const room = fc.record({ columns: fc.integer({ min: 20, max: 90 }), rows: fc.constant(40) })
  const plain = pc.createColors(false)
  await fc.assert(
    fc.property(room, text, (room, characters) => {
      const width = characters.reduce((sum, character) => sum + (widths.get(character) ?? 0), 0)
      const title = characters.join('')
      const [note = '', first = ''] = screen([shownOf(golden, title)], [title], { ...room, colours: plain })
      for (const line of [note, first.replace(/ {2}live$/, '')]) {
        if (width <= room.columns) t.is(line, title)
        else {
          t.true(line.endsWith('…'), line)
          const shown = [...new Intl.Segmenter().segment(line.slice(0, -1))].map(({ segment }) => segment)
          t.deepEqual(shown, characters.slice(0, shown.length))
          const taken = shown.reduce((sum, character) => sum + (widths.get(character) ?? 0), 1)
          t.true(taken === room.columns || taken === room.columns - 1, `${taken} of ${room.columns}`)
        }
      }
      t.is(first.endsWith('  live'), width + '  live'.length <= room.columns)
    }),
  )
})

test('no number is cut off where a terminal is narrow: a column has room or is left out', t => {
  const cellsOf = (line: string) => line.trim().split(/ {2,}/)
  const linesOf = (columns: number) => {
    const room = { columns, rows: 100, colours: pc.createColors(false) }
    const lines = screen([shownOf(golden)], [], room)
    return lines.slice(lines.findIndex(line => line.startsWith('since it began')))
  }
  const whole = new Map(linesOf(200).map(line => [cellsOf(line)[0], cellsOf(line)]))
  for (let columns = 48; columns < 200; columns += 1) {
    for (const line of linesOf(columns)) {
      const [name = '', ...cells] = cellsOf(line).filter(cell => !/[▁-█]|\d[µm]?s\b/.test(cell))
      t.true(cells.length === 0 || cells.length >= 2, line)
      for (const cell of cells) t.true(whole.get(name)?.includes(cell), `${columns} columns: ${line}`)
    }
  }
})

test('every metric is on a screen that is high enough', t => {
  const text = drawn(golden)
  for (const metric of golden.metrics) {
    const { name, kind, unit, attributes } = metric
    // Failures that there are none of are told together.
    if (unit === '{failure}') continue
    const subsystem = attributes['subsystem'] ?? ''
    const words = name.slice(name.indexOf(`.${subsystem}.`) + subsystem.length + 2).replaceAll(/[._]/g, ' ')
    const expected = kind === 'life_cycle' ? subsystem.replaceAll('_', ' ') : words.replace(' event id', '')
    t.true(text.includes(expected), `${name} is missing:\n${text}`)
  }
})

test('ids are shown with how far they are behind the last one, by watch and report alike', t => {
  const ids: Record<string, number> = { last: 10, written: 7, durable: 4 }
  const metrics = golden.metrics.map(metric => {
    const id = ids[/\.(\w+)_event_id$/.exec(metric.name)?.[1] ?? '']
    return id === undefined || metric.kind !== 'gauge' ? metric : { ...metric, value: id }
  })
  const snapshot = { ...golden, metrics }
  t.regex(drawn(snapshot), /last 10\b.*written 7 \(3 behind\).*durable 4 \(6 behind\)/)
  t.deepEqual(
    Array.from(reported(snapshot).matchAll(/(\w+) event id (\d+) (\d+) behind/g), ([, ...told]) => told),
    [
      ['written', '7', '3'],
      ['durable', '4', '6'],
    ],
  )
})

test('what has failed is shown, and nothing that never did, by watch and report alike', t => {
  t.regex(drawn(golden), /^fails +integrity failures \(block\) 1 {3}segment writer: close segment failed 1$/m)
  t.regex(reported(golden), /integrity failures \(block\) 1 +segment writer: close segment failed 1 /)
  const metrics = golden.metrics.map((metric): Metric => {
    if (metric.unit === '{failure}' && metric.kind === 'counter') return { ...metric, value: 0 }
    return metric.kind === 'operation' ? { ...metric, value: { ...metric.value, failed: 0 } } : metric
  })
  t.regex(drawn({ ...golden, metrics }), /^fails +none$/m)
  t.regex(reported({ ...golden, metrics }), /failures none /)
})

test('rates are those since the look before, and begin anew with the source', t => {
  const history = new History()
  const rateOf = (snapshot: SourceSnapshot) =>
    history.add(snapshot).now.counts.find(({ name }) => name === 'events')?.perSecond
  history.add(golden)
  t.is(rateOf(later(golden, 2, 5000)), 2500)
  t.is(rateOf(later(golden, 4, 5000)), 0)
  t.is(rateOf(later(golden, 6, 9000)), 2000)
  t.deepEqual(history.add(later(golden, 7, 9001)).course, [2500, 0, 2000, 1])
  const anew = {
    ...golden,
    startTime: [golden.startTime[0] + 8, 0],
    time: [golden.startTime[0] + 9, 0],
  } as const
  t.deepEqual(history.add(anew).course, [], 'nothing of the one before')
})

test('what is left of a source has no rates, and one that begins in its place has its own course', t => {
  const history = new History()
  for (const second of [0, 1, 2]) history.add(later(golden, second, second * 10))
  const left = history.end(later(golden, 3000, 25))
  t.is(left.now.seconds, undefined)
  for (const { perSecond } of [...left.now.counts, ...left.window.latencies]) t.is(perSecond, undefined)
  t.deepEqual(left.course, [10, 10])
  const [began, ns] = golden.startTime
  const anew = { ...golden, startTime: [began + 1, ns] } as const
  t.deepEqual(history.add(anew).course, [])
})

test('latencies are those of the last ten seconds', t => {
  const history = new History()
  const appends = (snapshot: SourceSnapshot) =>
    history.add(snapshot).window.latencies.find(({ name }) => name === 'append event')?.times
  history.add(golden)
  for (let second = 1; second <= 30; second += 1) {
    t.is(appends(later(golden, second, second * 100)), Math.min(second, 10) * 100, `second ${second}`)
  }
})

test('what was lately is not beyond what ever was', t => {
  const isUsed = (metric: Metric) => metric.kind === 'operation' && metric.value.duration.count > 0
  const { name } = golden.metrics.find(isUsed) as Metric
  const more = (snapshot: SourceSnapshot): SourceSnapshot => ({
    ...later(snapshot, 1, 0),
    metrics: snapshot.metrics.map(metric => {
      if (metric.kind !== 'operation' || metric.name !== name) return metric
      const { duration } = metric.value
      const bucketCounts = duration.bucketCounts.map(
        (count, i, all) => count + (i === all.length - 1 ? 1 : 0),
      )
      return {
        ...metric,
        value: { ...metric.value, duration: { ...duration, count: duration.count + 1, bucketCounts } },
      }
    }),
  })
  const isIt = (spread: { name: string; part: string }) =>
    name.endsWith(`.${spread.part}.${spread.name}`.replaceAll(' ', '_'))
  const history = new History()
  const whole = history.add(golden)
  const { values } = history.add(more(golden)).window.latencies.find(isIt) ?? {}
  const all = whole.window.latencies.find(isIt)?.values
  t.is(values?.count, 1)
  t.is(values?.max, all?.max)
  t.true((values?.min ?? 0) >= (all?.min ?? 1))
})

test('the course of events has a line of its own, and the first look says since when it counts', t => {
  const room = { columns: 80, rows: 60, colours: pc.createColors(false) }
  const history = new History()
  const next = (snapshot: SourceSnapshot) =>
    screen([{ title: 'orders', told: 'live', isLive: true, lately: history.add(snapshot) }], [], room).join(
      '\n',
    )
  const screenOf = (course: readonly number[]) =>
    screen([{ ...shownOf(golden), lately: { ...new History().add(golden), course } }], [], room).join('\n')
  const first = next(golden)
  t.regex(first, /^since it began +rate/m)
  t.notRegex(first, /^events /m)
  const second = next(later(golden, 1, 100))
  t.regex(second, /^last 10 s +rate/m)
  t.regex(second, /^events \S$/m)
  t.notRegex(screenOf([0, 0]), /^events /m, 'nothing is drawn of nothing')
})
