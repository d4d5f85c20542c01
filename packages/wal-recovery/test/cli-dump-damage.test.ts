import { goldenLog, run, testOfVectors } from './command-line.js'

testOfVectors(
  'an exit code that says damage has its reason beside it, also where few events were asked for',
  async t => {
    const log = goldenLog(t, 'corrupt-sealed')
    const { code, stdout, stderr } = await run([
      'dump',
      log,
      '--mode',
      'diagnostic',
      '--limit',
      '1',
      '--json',
    ])
    t.is(stdout.trimEnd().split('\n').length, 1)
    t.regex(stderr, /The log is corrupt at segment 00000001, offset 640/)
    t.is(code, 1)
  },
)

testOfVectors(
  'what stands before the damage is printed, in every format, and the exit code says that there is some',
  async t => {
    const log = goldenLog(t, 'corrupt-sealed')
    const lines = { table: 73, csv: 73, jsonl: 72 }
    for (const [format, count] of Object.entries(lines)) {
      const { code, stdout, stderr } = await run(['dump', log, '--format', format])
      t.is(stdout.trimEnd().split('\n').length, count, format)
      t.regex(stderr, /corrupt at 00000001\.wal:640/)
      t.is(code, 1, format)
    }
  },
)
