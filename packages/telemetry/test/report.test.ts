import test from 'ava'
import type { SourceSnapshot } from '#src/index.js'
import { walMetrics } from '#src/index.js'
import { report } from '#src/report/report.js'
import { goldenBytes, sourceOf } from './support.js'

const golden = walMetrics(sourceOf(goldenBytes)).snapshot().sources[0] as SourceSnapshot

test('a report shows every metric and needs no other file', t => {
  const html = report(
    [{ title: 'orders', told: 'dead', isLive: false, snapshots: [golden] }],
    new Date('2026-07-27T10:00:00Z'),
  )
  for (const { name, kind, unit, attributes } of golden.metrics) {
    if (unit === '{failure}') continue
    const subsystem = attributes['subsystem'] ?? ''
    const words = name.slice(name.indexOf(`.${subsystem}.`) + subsystem.length + 2).replaceAll(/[._]/g, ' ')
    const expected = kind === 'life_cycle' ? `${subsystem.replaceAll('_', ' ')} busy` : words
    t.true(html.includes(expected), `${name} is missing`)
  }
  t.true(html.startsWith('<!doctype html>'))
  t.notRegex(html, /<script|<link|src=|href=|url\(|@import/)
  t.regex(html, /Made 2026-07-27 10:00:00 UTC/)
})

test('of events and bytes, of which there are only whole ones, no quantile is a fraction', t => {
  const html = report(
    [{ title: 'orders', told: 'live', isLive: true, snapshots: [golden] }],
    new Date('2026-07-27T10:00:00Z'),
  )
  const sizes = golden.metrics.filter(
    ({ kind, value }) => kind === 'distribution' && (value as { count: number }).count > 0,
  )
  t.true(sizes.length > 0)
  for (const { name } of sizes) {
    const short = name.slice(name.lastIndexOf('.') + 1).replaceAll('_', ' ')
    const [row = ''] = html.match(new RegExp(`<tr><td>[^/]*</span> [^<]*${short}</td>.*?</tr>`)) ?? []
    const [, , , ...quantiles] = row.match(/(?<=<td class="number">).*?(?=<\/td>)/g) ?? []
    t.is(quantiles.length, 5, row)
    for (const figure of quantiles) t.regex(figure, /^[\d,]+$|i?B$/, row)
  }
})

test('what a page says of itself is text and nothing else', t => {
  const hostile = '<script>alert(1)</script><b onclick="x">&'
  const metrics = golden.metrics.map(metric => ({
    ...metric,
    attributes: { ...metric.attributes, kind: hostile },
  }))
  const html = report(
    [{ title: hostile, told: hostile, isLive: true, snapshots: [{ ...golden, metrics }] }],
    new Date(),
  )
  t.notRegex(html, /<script|<b onclick/)
  t.true(html.includes('&lt;script'))
})

test('a course is drawn where there are several snapshots', t => {
  const at = (second: number): SourceSnapshot => ({ ...golden, time: [golden.time[0] + second, 0] })
  const titles = (snapshots: readonly SourceSnapshot[]) =>
    report([{ title: 'orders', told: 'live', isLive: true, snapshots }], new Date()).match(/<polyline/g)
      ?.length ?? 0
  t.is(titles([at(0)]), 0)
  const events = (second: number, more: number): SourceSnapshot => ({
    ...at(second),
    metrics: golden.metrics.map(metric =>
      metric.kind === 'counter' && metric.name.endsWith('.events')
        ? { ...metric, value: metric.value + more }
        : metric,
    ),
  })
  t.is(titles([events(0, 0), events(1, 10), events(2, 30)]), 1, 'what does not change has no course')
})
