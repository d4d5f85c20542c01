/** `dump --last`: the end of a log, found from the end. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { goldenLog, run, testOfVectors } from './command-line.js'

async function ids(log: string, ...args: string[]): Promise<number[]> {
  const { stdout, stderr } = await run(['dump', log, '--format', 'csv', '--fields', 'event_id', ...args])
  if (stdout === '') throw new Error(stderr)
  return stdout.trimEnd().split('\n').slice(1).map(Number)
}

testOfVectors('the last events are those that a whole dump ends with', async t => {
  for (const [name, counts] of [
    ['cold', [0, 60, 10_000]],
    ['fixed-gaps', [3]],
    ['staged-variable', [3]],
    ['no-event-yet', [3]],
  ] as const) {
    const log = goldenLog(t, name)
    const all = await ids(log)
    for (const last of counts) {
      const expected = last === 0 ? [] : all.slice(-last)
      t.deepEqual(await ids(log, '--last', String(last)), expected, `${name}: ${last}`)
    }
    const middle = all[Math.floor(all.length / 2)] ?? 0
    const upTo = all.filter(id => id <= middle)
    t.deepEqual(await ids(log, '--last', '2', '--to', String(middle)), upTo.slice(-2), name)
  }
})

testOfVectors('with --until they are the last ones written by then', async t => {
  const log = goldenLog(t, 'cold')
  const { stdout } = await run(['dump', log, '--format', 'jsonl', '--fields', 'event_id,written'])
  const events = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { event_id: number; written: string })
  const times = [...new Set(events.map(({ written }) => written))]
  const time = times[Math.floor(times.length / 2)] ?? ''
  // What is shown is cut to milliseconds.
  const until = new Date(Date.parse(time) + 1).toISOString()
  const expected = events.filter(({ written }) => written < until).map(({ event_id }) => event_id)
  t.deepEqual(await ids(log, '--last', '3', '--until', until), expected.slice(-3))
  t.deepEqual(await ids(log, '--last', '2', '--until', '2000-01-01'), [])
  t.deepEqual(await ids(log, '--last', '2', '--until', '2100-01-01'), [199, 200])
})

testOfVectors('every format prints them, and nothing older is read', async t => {
  const log = goldenLog(t, 'cold')
  const path = join(log, '00000000.wal.zst')
  const bytes = readFileSync(path)
  bytes.fill(0xff, 20, 40)
  writeFileSync(path, bytes)
  for (const format of ['table', 'jsonl', 'csv']) {
    const { code, stdout, stderr } = await run(['dump', log, '--last', '2', '--format', format])
    t.is(stderr, '', format)
    t.is(code, 0, format)
    t.is(stdout.trimEnd().split('\n').length, format === 'jsonl' ? 2 : 3, format)
    t.regex(stdout, /199\D[\s\S]*200\D/, format)
  }
  t.is((await run(['dump', log])).code, 1, 'the older segment is damaged')
})

testOfVectors('what contradicts it is refused', async t => {
  const log = goldenLog(t, 'cold')
  for (const [args, said] of [
    [['--from', '3'], /--last and --from both say where to begin/],
    [['--since', '10m'], /--last and --since both say where to begin/],
    [['--limit', '3'], /--last counts from the end and --limit from the beginning/],
    [['--mode', 'diagnostic'], /--last has no meaning with --mode diagnostic/],
  ] as const) {
    const { code, stdout, stderr } = await run(['dump', log, '--last', '2', ...args])
    t.is(code, 2, args.join(' '))
    t.is(stdout, '', args.join(' '))
    t.regex(stderr, said)
  }
  for (const wrong of ['-1', 'x', '1.5']) {
    t.regex((await run(['dump', log, `--last=${wrong}`])).stderr, /--last takes a number of events/, wrong)
  }
})
