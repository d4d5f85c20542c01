import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { InputError } from '#src/input-error.js'
import { planKills } from '#src/moments.js'
import { type Options, readOptions } from '#src/options.js'
import { Random } from '#src/random.js'

const folder = mkdtempSync(join(tmpdir(), 'options-test-'))
test.after.always(() => rmSync(folder, { recursive: true }))

test('without options there are defaults', t => {
  t.deepEqual(readOptions([]) as Options, { kills: 3, seed: 1, json: false })
})

test('all options are understood', t => {
  const dir = join(folder, 'new')
  const argv = ['--input', 'a.csv', '--dir', dir, '--events', '5', '--kills', '0', '--seed', '9', '--json']
  t.deepEqual(readOptions(argv) as Options, { input: 'a.csv', dir, events: 5, kills: 0, seed: 9, json: true })
})

test('help names every option', t => {
  const help = readOptions(['--help']) as string
  for (const option of ['--input', '--dir', '--events', '--kills', '--seed', '--json'])
    t.true(help.includes(option))
})

const bad = [
  ['--nonsense'],
  ['--events', '0'],
  ['--events', '1e9'],
  ['--events', '1.5'],
  ['--events'],
  ['--kills', '-1'],
  ['--kills', 'many'],
  ['--seed', '4294967296'],
  ['surplus'],
  ['--dir', '/nowhere/at/all'],
  ['--dir', '/dev/null'],
]
for (const argv of bad) {
  test(`refused in one line: ${argv.join(' ')}`, t => {
    const error = t.throws(() => readOptions(argv), { instanceOf: InputError })
    t.notRegex(error?.message ?? '', /\n/)
  })
}

test('a directory that holds something is refused', t => {
  writeFileSync(join(folder, 'file'), '')
  t.throws(() => readOptions(['--dir', folder]), { instanceOf: InputError, message: /not empty/ })
})

test('kills are spread over the flow, each in its own part', t => {
  const plans = planKills(4, 1000, new Random(5))
  plans.forEach(({ moment, pace }, i) => {
    t.true(moment.eventId >= i * 200 && moment.eventId < (i + 1) * 200)
    t.true(moment.delayMs >= 0)
    t.true(pace.from === moment.eventId && pace.until >= moment.eventId && pace.until <= (i + 1) * 200)
  })
  t.deepEqual(
    plans.map(({ moment, closelyFrom }) => closelyFrom === moment.eventId),
    [true, false, true, false],
  )
  t.deepEqual(planKills(4, 1000, new Random(5)), plans)
})
