import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { inspectLog, verifyLog } from '#src/cli/tools.js'
import {
  commandsTerminal,
  type Expected,
  filesOf,
  goldenLog,
  run,
  temporaryDirectory,
  testOfVectors,
  vectors,
} from './command-line.js'

const EXIT = { clean: 0, torn: 1, corrupt: 1 }

testOfVectors('every golden log is what the oracle says, and nothing is changed', async t => {
  for (const [name, expected] of vectors) {
    const log = goldenLog(t, name)
    const before = filesOf(log)
    if (before.size === 0) {
      await t.throwsAsync(
        verifyLog(log, () => {}),
        { code: 'WAL_NOT_FOUND' },
        name,
      )
      await t.throwsAsync(inspectLog(log), { code: 'WAL_NOT_FOUND' }, name)
      continue
    }
    const said = await verifyLog(log, () => {})
    t.is(said.state, expected.state, name)
    t.is(said.events, expected.events, name)
    t.is(said.firstId, expected.first_id, name)
    t.is(said.lastId, expected.last_id, name)
    t.is(said.staged, expected.staged, name)
    const bad = expected.bad && { segment: expected.bad.segment, offset: expected.bad.offset }
    t.deepEqual(said.bad && { segment: said.bad.segment, offset: said.bad.offset }, bad, name)
    const overview = await inspectLog(log)
    if (expected.state === 'clean') {
      t.is(overview.events, expected.events, name)
      t.is(overview.firstEventId, expected.first_id, name)
      t.is(overview.lastEventId, expected.last_id, name)
      t.true(
        overview.segments.every(({ state }) => state !== 'missing' && state !== 'unreadable'),
        name,
      )
    }
    t.deepEqual(filesOf(log), before, name)
  }
})

testOfVectors(
  'the commands say the same of a clean, a torn and a corrupt log, and end with the code for it',
  async t => {
    for (const name of ['cold', 'torn-rotated', 'staged', 'corrupt-hole', 'staged-count-wild']) {
      const log = goldenLog(t, name)
      const expected = vectors.get(name) as Expected
      const before = filesOf(log)
      for (const command of ['verify', 'inspect', 'stat']) {
        const json = await run([command, log, '--json'])
        const said = JSON.parse(json.stdout)
        t.is(said.state, expected.state, `${command} ${name}`)
        t.is(said.events, expected.events, `${command} ${name}`)
        t.is(json.code, EXIT[expected.state], `${command} ${name}`)
        t.is(json.stderr, '', `${command} ${name}`)
      }
      const screen = await run([name === 'cold' ? 'inspect' : 'verify', log])
      t.is(screen.code, EXIT[expected.state], name)
      t.is(screen.stderr, '', name)
      t.false(commandsTerminal(screen.stdout), name)
      t.deepEqual(filesOf(log), before, name)
    }
  },
)

testOfVectors(
  'all progress was told when a verification ends, so that what was read is counted whole',
  async t => {
    const log = goldenLog(t, 'cold')
    for (let round = 0; round < 50; round++) {
      let told = { segments: 0, ofSegments: -1, bytes: 0 }
      await verifyLog(log, progress => {
        told = progress
      })
      t.is(told.segments, told.ofSegments)
    }
  },
)

testOfVectors('inspect tells cold from hot, and knows ratio, cursors and what is missing', async t => {
  const cold = goldenLog(t, 'cold')
  const { segments, schema, meta } = JSON.parse((await run(['inspect', cold, '--json'])).stdout)
  t.deepEqual(
    segments.map((segment: { index: number; state: string; isCold: boolean; events: number }) => [
      segment.index,
      segment.state,
      segment.isCold,
      segment.events,
    ]),
    [
      [0, 'sealed', true, 72],
      [1, 'sealed', true, 72],
      [2, 'active', false, 56],
    ],
  )
  t.true(segments[0].ratio > 1)
  t.is(segments[0].files[0], '00000000.wal.zst')
  t.is(schema.name, 'Tick')
  t.is(meta.state, 'missing')
  const cursors = goldenLog(t, 'cursors')
  t.true((await inspectLog(cursors)).cursors.length > 0)
  const missing = goldenLog(t, 'missing-middle')
  t.true((await inspectLog(missing)).segments.some(({ state }) => state === 'missing'))
})

test('every command says what is wrong with its arguments, on standard error, with exit code 2', async t => {
  const empty = temporaryDirectory(t)
  mkdirSync(join(empty, 'a'))
  for (const [args, code] of [
    [['verify'], 'USAGE'],
    [['frob', empty], 'USAGE'],
    [['verify', empty, '--frob'], 'USAGE'],
    [['dump', empty, '--format', 'xml'], 'USAGE'],
    [['dump', empty, '--since', 'yesterday'], 'USAGE'],
    [['repair', empty, '--mode', 'strict'], 'USAGE'],
    [['verify', join(empty, 'none')], 'WAL_NOT_FOUND'],
    [['inspect', join(empty, 'a')], 'WAL_NOT_FOUND'],
    [['dump', join(empty, 'a')], 'WAL_NOT_FOUND'],
    [['repair', join(empty, 'a'), '--yes'], 'WAL_NOT_FOUND'],
    [['repair', join(empty, 'a'), '--undo', '--yes'], 'WAL_NOT_FOUND'],
  ] as const) {
    const json = await run([...args, '--json'])
    t.is(json.code, 2, args.join(' '))
    t.is(json.stdout, '', args.join(' '))
    const error = JSON.parse(json.stderr)
    t.is(error.code, code, args.join(' '))
    t.true(error.message.length > 10, args.join(' '))
  }
  writeFileSync(join(empty, 'file'), '')
  const file = await run(['verify', join(empty, 'file')])
  t.is(file.code, 2)
  t.is(
    file.stderr,
    `error: no log in ${join(empty, 'file')}, which is no directory; name the directory that the log's files lie in\n` +
      '(WAL_NOT_FOUND)\n',
  )
  const plain = await run(['inspect', join(empty, 'a')])
  t.is(plain.code, 2)
  t.is(plain.stdout, '')
  t.regex(plain.stderr, /^error: no log in .*\n\(WAL_NOT_FOUND\)\n$/)
  t.deepEqual(filesOf(join(empty, 'a')), new Map())
})

test('help has examples for every command, and completion is a script', async t => {
  t.regex((await run(['--help'])).stdout, /Exit codes: 0 clean, 1 damage/)
  for (const command of ['inspect', 'verify', 'dump', 'repair', 'stat']) {
    const { code, stdout } = await run([command, '--help'], { COLUMNS: '80', LANG: 'de_DE.UTF-8' })
    t.is(code, 0, command)
    t.regex(stdout, /Examples:\n {2}flashstrike-wal /, command)
  }
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  t.is((await run(['--version'])).stdout, `${version}\n`)
  t.regex((await run(['completion'], { SHELL: '/bin/bash' })).stdout, /complete .*flashstrike-wal/)
  t.regex((await run(['completion'], { SHELL: '/bin/zsh' })).stdout, /compdef .*flashstrike-wal/)
})

test('importing the package loads nothing of the command line', t => {
  const dist = new URL('../../dist/', import.meta.url)
  const modules = readdirSync(dist).filter(name => name.endsWith('.js'))
  t.true(modules.includes('index.js'))
  for (const name of modules) {
    const text = readFileSync(new URL(name, dist), 'utf8')
    t.notRegex(text, /from '(yargs|picocolors|cli-table3|cli-progress|csv-stringify|\.\/cli)/, name)
  }
})
