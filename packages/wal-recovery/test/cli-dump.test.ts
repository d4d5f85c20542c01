import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { commandsTerminal, goldenLog, run, shell, testOfVectors, vectors } from './command-line.js'

testOfVectors('dump gives every event of a clean log once, in every format', async t => {
  for (const name of ['fixed-gaps', 'cold', 'staged-variable']) {
    const log = goldenLog(t, name)
    const events = vectors.get(name)?.events ?? 0
    const json = await run(['dump', log, '--format', 'jsonl'])
    t.is(json.code, 0, `${name}: ${json.stderr}`)
    const rows = json.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as { event_id: number })
    t.is(rows.length, events, name)
    t.is(rows[0]?.event_id, vectors.get(name)?.first_id, name)
    t.is(rows.at(-1)?.event_id, vectors.get(name)?.last_id, name)
    t.is(new Set(rows.map(row => row.event_id)).size, events, name)
    const csv = (await run(['dump', log, '--format', 'csv'])).stdout.trimEnd().split('\n')
    t.is(csv.length, events + 1, name)
    t.regex(csv[0] ?? '', /^event_id,/, name)
    const table = (await run(['dump', log])).stdout.trimEnd().split('\n')
    t.is(table.length, events + 1, name)
  }
})

testOfVectors('ids, times and fields choose what is printed', async t => {
  const log = goldenLog(t, 'cold')
  const dump = async (...args: string[]) => (await run(['dump', log, '--format', 'csv', ...args])).stdout
  t.regex(
    await dump('--from', '72', '--to', '72', '--fields', 'quantity,event_id'),
    /^quantity,event_id\n\d+,72\n$/,
  )
  const ids = async (...args: string[]) =>
    (await dump('--fields', 'event_id', ...args)).trimEnd().split('\n').slice(1).map(Number)
  t.deepEqual(await ids('--from', '72', '--to', '74'), [72, 73, 74])
  t.deepEqual(await ids('--limit', '2'), [1, 2])
  t.deepEqual(await ids('--from', '201'), [])
  t.is((await ids('--since', '2023-11-14')).length, 200)
  t.is((await ids('--until', '2023-11-14T00:00:00Z')).length, 0)
  t.is((await ids('--since', '10m')).length, 0)
  const unknown = await run(['dump', log, '--fields', 'event_id,nonsense'])
  t.is(unknown.code, 2)
  t.regex(unknown.stderr, /nonsense.*has event_id, price/)
  const gone = await run(['dump', goldenLog(t, 'retained'), '--from', '1', '--json'])
  t.is(gone.code, 2)
  t.is(JSON.parse(gone.stderr).code, 'WAL_GONE')
})

testOfVectors('whoever reads only the beginning ends it without a word', async t => {
  const log = goldenLog(t, 'fixed-rotated')
  for (const format of ['table', 'jsonl', 'csv']) {
    const { code, stdout, stderr } = await shell(`wal dump '${log}' --format ${format} | head -2`)
    t.is(stderr, '', format)
    t.is(code, 0, format)
    t.is(stdout.trimEnd().split('\n').length, 2, format)
  }
  const closed = await shell(`wal inspect '${log}' --json | true`)
  t.is(closed.stderr, '')
})

testOfVectors('damage ends a dump with exit code 1, and diagnostic shows what is left', async t => {
  const torn = goldenLog(t, 'torn-hole')
  const tail = await run(['dump', torn, '--json'])
  t.is(tail.code, 1)
  t.is(tail.stdout.trimEnd().split('\n').length, 4)
  t.regex(tail.stderr, /The log is torn at segment 00000000, offset 640/)
  const corrupt = goldenLog(t, 'corrupt-hole')
  const refused = await run(['dump', corrupt])
  t.is(refused.code, 1)
  t.is(refused.stdout, '')
  t.regex(refused.stderr, /WAL_CORRUPT/)
  const rest = await run(['dump', corrupt, '--mode', 'diagnostic', '--json'])
  t.is(rest.code, 1)
  t.regex(rest.stderr, /gap behind event 4/)
  t.is(rest.stdout.trimEnd().split('\n').length, 8)
})

testOfVectors('text in a log never commands the terminal', async t => {
  // Staging has no checksum over its events, so any bytes can be put into it.
  const staged = goldenLog(t, 'staged-variable')
  const path = join(staged, 'wal.staging')
  const bytes = readFileSync(path)
  const length = bytes.readUInt32LE(4096)
  const hostile = Buffer.from('\u001b]0;owned\u0007\u009b31m\u202e'.repeat(20), 'utf8').subarray(0, length)
  bytes.fill(0x20, 4100, 4100 + length).set(hostile, 4100)
  writeFileSync(path, bytes)
  for (const format of ['table', 'jsonl', 'csv']) {
    const { stdout, code } = await run(['dump', staged, '--format', format])
    t.is(code, 0, format)
    t.false(commandsTerminal(stdout), format)
    t.regex(stdout, /base64/, format)
  }
  const hex = await run(['dump', staged, '--encoding', 'hex', '--format', 'csv'])
  t.regex(hex.stdout, /,hex,1b5d/)
})

testOfVectors('a directory with a name that commands the terminal is named safely', async t => {
  const log = goldenLog(t, 'fixed-active')
  const name = `${log}\u001b[31m\u009b2J\u202e`
  const { renameSync } = await import('node:fs')
  renameSync(log, name)
  for (const args of [
    ['inspect', name],
    ['inspect', name, '--json'],
    ['stat', `${name}x`],
    ['verify', `${name}x`, '--json'],
    ['repair', name],
  ]) {
    const { stdout, stderr } = await run(args)
    t.false(commandsTerminal(stdout), args.join(' '))
    t.false(commandsTerminal(stderr), args.join(' '))
  }
})

test('names in a schema that command the terminal are shown safely', async t => {
  const { safe, json } = await import('#src/cli/text.js')
  const hostile = 'a\u001b[31m\u009bb\u202ec\u2028\ud800'
  t.false(commandsTerminal(safe(hostile)))
  t.false(commandsTerminal(json({ [hostile]: hostile })))
  t.deepEqual(JSON.parse(json({ [hostile]: hostile })), { [hostile]: hostile })
  const { formatter } = await import('#src/cli/row-formats.js')
  for (const format of ['table', 'jsonl', 'csv'] as const) {
    t.false(commandsTerminal(formatter(format, ['event_id', hostile])([[1, 'plain']])), format)
  }
})

test('integers beyond the safe ones are exact', async t => {
  const { rowReader } = await import('#src/cli/event-rows.js')
  const { formatter } = await import('#src/cli/row-formats.js')
  const schema = {
    name: 'Wide',
    size: 32,
    fields: [
      { name: 'event_id', type: 'u64', offset: 0 },
      { name: 'a', type: 'u64', offset: 8 },
      { name: 'b', type: 'i64', offset: 16 },
      { name: 'c', type: 'bytes(3)', offset: 24 },
    ],
  }
  const payload = new Uint8Array(32)
  const view = new DataView(payload.buffer)
  view.setBigUint64(0, 7n, true)
  view.setBigUint64(8, 2n ** 64n - 1n, true)
  view.setBigInt64(16, -(2n ** 63n), true)
  payload.set([1, 0xab, 3], 24)
  const block = { firstId: 7, count: 1, writtenMs: 0, payload }
  const rows = [...rowReader(schema, undefined, 'auto').rows(block, { from: 0, to: 9 })]
  const columns = ['event_id', 'a', 'b', 'c']
  t.is(
    formatter('csv', columns)(rows),
    'event_id,a,b,c\n7,18446744073709551615,-9223372036854775808,01ab03\n',
  )
  t.is(
    formatter('jsonl', columns)(rows),
    '{"event_id":7,"a":"18446744073709551615","b":"-9223372036854775808","c":"01ab03"}\n',
  )
})
