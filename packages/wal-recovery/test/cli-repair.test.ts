import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repairLog, undoRepair, verifyLog } from '#src/cli/tools.js'
import { commandsTerminal, filesOf, goldenLog, run, testOfVectors, vectors } from './command-line.js'

/** Every golden log that is there and damaged. */
const damaged = [...vectors].filter(([, { state }]) => state !== 'clean')

testOfVectors('whatever a repair cuts can be put back, byte for byte', async t => {
  const how = { mode: 'point-in-time', fileMode: 0o600, atMs: Date.now() } as const
  for (const [name, expected] of damaged) {
    const log = goldenLog(t, name)
    const before = filesOf(log)
    const plan = await repairLog(log, { ...how, dry: true })
    t.deepEqual(filesOf(log), before, name)
    t.is(plan.state, expected.state, name)
    const done = await repairLog(log, { ...how, dry: false })
    t.is(done.events, expected.events, name)
    t.is(done.lastEventId, expected.last_id, name)
    t.deepEqual(done.lost, plan.lost, name)
    if (done.events > 0) {
      const { state, events } = await verifyLog(log, () => {})
      t.is(state, 'clean', name)
      t.is(events, expected.events, name)
    }
    if (done.cutAt === null) continue
    await undoRepair(log, done.cutAt, { fileMode: 0o600, dry: false })
    t.deepEqual(filesOf(log), before, name)
  }
})

testOfVectors('repair shows its plan and asks before it does it', async t => {
  for (const name of ['torn-rotated', 'corrupt-hole']) {
    const log = goldenLog(t, name)
    const before = filesOf(log)
    const mode = ['--mode', 'point-in-time']
    const dry = await run(['repair', log, ...mode, '--dry-run', '--json'])
    t.is(dry.code, 1, dry.stderr)
    t.false(JSON.parse(dry.stdout).done)
    const unasked = await run(['repair', log, ...mode])
    t.is(unasked.code, 2)
    t.regex(unasked.stderr, /--yes/)
    t.false(commandsTerminal(unasked.stdout))
    t.deepEqual(filesOf(log), before)
    const repaired = await run(['repair', log, ...mode, '--yes', '--json'])
    t.is(repaired.code, 0, repaired.stderr)
    t.true(JSON.parse(repaired.stdout).done)
    const undone = await run(['repair', log, '--undo', '--yes', '--json'])
    t.is(undone.code, 0, undone.stderr)
    t.deepEqual(filesOf(log), before)
  }
})

testOfVectors('a repair that would do something else than was shown does nothing', async t => {
  const log = goldenLog(t, 'corrupt-hole')
  const options = { mode: 'point-in-time', fileMode: 0o600, atMs: Date.now() } as const
  const agreed = await repairLog(log, { ...options, dry: true })
  const before = filesOf(log)
  const other = { ...agreed, lastEventId: agreed.lastEventId + 1 }
  await t.throwsAsync(repairLog(log, { ...options, dry: false, agreed: other }), { code: 'WAL_LOCKED' })
  t.deepEqual(filesOf(log), before)
  const done = await repairLog(log, { ...options, dry: false, agreed })
  t.deepEqual(done.lost, agreed.lost)
})

testOfVectors('what a repair loses is called durable nowhere, and certain where it was', async t => {
  const corrupt = goldenLog(t, 'corrupt-hole')
  const dry = await run(['repair', corrupt, '--mode', 'point-in-time', '--dry-run'])
  t.regex(dry.stdout, /^Lost: {2}ids \d+ to \d+, of which \d+ ids? (was|were) there for certain$/m)
  const refused = await run(['repair', corrupt, '--yes'])
  t.regex(refused.stderr, /although events up to \d+ were there for certain/)
  const torn = goldenLog(t, 'torn-payload')
  t.regex(
    (await run(['repair', torn, '--dry-run'])).stdout,
    /^Lost: {2}ids \d+ to \d+, none of which is known to have been durable$/m,
  )
  const said = `${dry.stdout}${(await run(['verify', corrupt])).stdout}`
  t.notRegex(said, /were durable|Something durable|Nothing durable/)
})

testOfVectors('a repair names the files that it has really kept', async t => {
  const log = goldenLog(t, 'torn-payload')
  const { stdout } = await run(['repair', log, '--yes'])
  const kept = [...stdout.matchAll(/^ {2}Kept: (.*)$/gm)].map(([, name]) => name as string)
  t.true(kept.length > 0, stdout)
  for (const name of kept) t.true(existsSync(join(log, name)), stdout)
})

testOfVectors('a copy into a directory that is not there is refused in a sentence', async t => {
  const log = goldenLog(t, 'fixed-active')
  const { code, stderr } = await run(['copy', log, join(log, 'nowhere', 'copy')])
  t.is(code, 2)
  t.regex(stderr, /nowhere is not there, where the copy is to be made: make that directory first/)
  for (const path of [join(log, '00000000.wal'), join(log, '00000000.wal', 'copy')]) {
    const inFile = await run(['copy', log, path, '--json'])
    t.is(inFile.code, 2)
    t.like(JSON.parse(inFile.stderr), {
      code: 'USAGE',
      message: `${path} is or lies in a file, where the copy is to be made: name a new directory`,
    })
  }
  // A directory that nobody can make another one in, not even root.
  const closed = await run(['copy', log, '/sys/copy', '--json'])
  t.is(closed.code, 2)
  t.like(JSON.parse(closed.stderr), { code: 'WAL_IO', path: '/sys' })
})

testOfVectors(
  'a copy into the log itself is refused, by whatever way, and the log stays as it was',
  async t => {
    const log = goldenLog(t, 'fixed-active')
    mkdirSync(join(log, 'empty'))
    symlinkSync(log, `${log}.link`)
    const before = readdirSync(log, { recursive: true })
    for (const path of ['00000099.wal', 'empty', join('empty', 'copy')].flatMap(name => [
      join(log, name),
      join(`${log}.link`, name),
    ])) {
      const { code, stderr } = await run(['copy', log, path, '--json'])
      t.is(code, 2, path)
      t.like(JSON.parse(stderr), {
        code: 'USAGE',
        message: `${path} lies in the log that is to be copied: name a directory that is not inside ${log}`,
      })
    }
    t.deepEqual(readdirSync(log, { recursive: true }), before)
    t.is((await run(['copy', log, `${log}.beside`])).code, 0)
  },
)

testOfVectors('a corrupt log is not cut unless that is asked for, and a clean one never', async t => {
  const corrupt = goldenLog(t, 'corrupt-hole')
  const before = filesOf(corrupt)
  const refused = await run(['repair', corrupt, '--yes', '--json'])
  t.is(refused.code, 1)
  const error = JSON.parse(refused.stderr)
  t.is(error.code, 'WAL_CORRUPT')
  t.is(error.segment, 0)
  t.is(error.offset, 640)
  t.deepEqual(filesOf(corrupt), before)
  const clean = goldenLog(t, 'fixed-rotated')
  const nothing = await run(['repair', clean, '--yes', '--mode', 'point-in-time'])
  t.is(nothing.code, 0)
  t.regex(nothing.stdout, /nothing to repair/)
})

testOfVectors('what was cut is not put back where the log ends elsewhere by now', async t => {
  const log = goldenLog(t, 'torn-payload')
  t.is((await run(['repair', log, '--yes'])).code, 0)
  // The same log with two events more.
  const longer = readFileSync(join(goldenLog(t, 'fixed-active'), '00000000.wal'))
  writeFileSync(join(log, '00000000.wal'), longer)
  const before = filesOf(log)
  const refused = await run(['repair', log, '--undo', '--yes', '--json'])
  t.is(refused.code, 2, refused.stdout)
  t.regex(JSON.parse(refused.stderr).message, /appended since/)
  t.deepEqual(filesOf(log), before)
})

testOfVectors('evidence that was tampered with is refused before anything is changed', async t => {
  const log = goldenLog(t, 'torn-payload')
  const done = JSON.parse((await run(['repair', log, '--yes', '--json'])).stdout)
  const kept = join(log, done.cuts[0].keptIn)
  const before = filesOf(log)
  cpSync(kept, `${kept}.copy`)
  writeFileSync(kept, 'short')
  const refused = await run(['repair', log, '--undo', '--yes', '--json'])
  t.is(refused.code, 2)
  t.regex(JSON.parse(refused.stderr).message, /5 bytes, where \d+ bytes were kept/)
  t.deepEqual(filesOf(log), before)
})
