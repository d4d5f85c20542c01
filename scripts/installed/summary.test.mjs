// What the end of a run tells of failures: the suite, the test, and its own assertion with its place. Who looks at the log
// of a build server has often its end alone.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import test from 'ava'
import { collect } from '../lib.mjs'
import { countAva, countCargo, countLint, summaryOf } from '../summary.mjs'
import { HERE, tool } from './tools.mjs'

const hasRust = await collect('rustc', ['--version']).then(
  ({ code }) => code === 0,
  () => false,
)
const testWithRust = hasRust ? test : test.skip
if (!hasRust) console.warn('SKIPPED: no Rust, whose failed tests a summary tells of')

/** Some panic on purpose, and a thread of one does so that fails by that. */
const RUST = `
use std::panic::catch_unwind;
#[test] fn prints() { println!("of no interest"); }
#[test] #[should_panic] fn panics_as_it_should() { panic!("on purpose"); }
#[test] fn catches() { assert!(catch_unwind(|| panic!("caught")).is_err()); }
#[test] fn adds() {
  println!("of no interest");
  assert_eq!(1 + 1, 3, "the sum of one and one");
}
#[test] fn goes_on() { let _ = catch_unwind(|| panic!("first")); panic!("then"); }
#[test] fn joins() { std::thread::spawn(|| panic!("in the thread")).join().unwrap(); }
#[test] fn errs() -> Result<(), String> { Err("no such thing".into()) }
#[test] #[should_panic] fn does_not_panic() {}
`

const JAVASCRIPT = `
import process from 'node:process'
import test from 'ava'
test('passes', t => t.pass())
test('adds', t => {
  t.log('of no interest')
  t.is(1 + 1, 3, 'the sum of one and one')
})
test('throws', () => { throw new TypeError('no such thing') })
`

const UNCAUGHT = `
import test from 'ava'
test('is through before something throws', async t => {
  setTimeout(() => { throw new Error('too late') })
  await new Promise(() => {})
})
`

function place(t) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'flashstrike-summary-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const summary = counted => summaryOf([{ name: 'a suite', seconds: 1, ...counted }])

/** What a summary says of a test, by its name. */
function told(t, lines, name) {
  const at = lines.findIndex(line => line.startsWith(`FAILED a suite: ${name}`))
  t.true(at >= 0, `${name}\n${lines.join('\n')}`)
  const rest = lines.slice(at + 1)
  return rest.slice(
    0,
    rest.findIndex(line => !line.startsWith('    ')),
  )
}

for (const backtrace of ['0', '1']) {
  const label = backtrace === '1' ? 'with' : 'without'
  testWithRust(`a test of Rust that has failed ${label} a backtrace is told with its own panic`, async t => {
    const cwd = place(t)
    writeFileSync(join(cwd, 'tests.rs'), RUST)
    const built = await collect('rustc', ['--test', '--edition=2021', 'tests.rs', '-o', 'tests'], { cwd })
    t.is(built.code, 0, built.output)
    const env = { RUST_BACKTRACE: backtrace }
    const outcome = await collect(join(cwd, 'tests'), ['--show-output'], { cwd, env })
    const lines = summary(countCargo(outcome))
    t.is(lines.at(-1), '3 passed, 5 failed')
    t.deepEqual(told(t, lines, 'adds'), [
      '    panicked at tests.rs:8:3:',
      '    assertion `left == right` failed: the sum of one and one',
      '      left: 2',
      '     right: 3',
    ])
    const joins = told(t, lines, 'joins')
    t.regex(joins[0], /panicked at tests\.rs:11:\d+:$/)
    t.deepEqual(joins.slice(2, 3), ['    and before it:'])
    t.is(joins[4], '    in the thread')
    t.is(told(t, lines, 'goes_on')[1], '    then')
    t.deepEqual(told(t, lines, 'errs'), ['    Error: "no such thing"'])
    t.regex(told(t, lines, 'does_not_panic').join('\n'), /did not panic as expected/)
    for (const other of ['on purpose', 'caught', 'of no interest', 'rust_begin_unwind'])
      t.false(lines.join('\n').includes(other), other)
  })
}

test('a test binary that a signal has ended is told with what it said before', t => {
  const output =
    "running 1 test\nthread panicked twice\nerror: test failed\n  process didn't exit successfully: `tests` (signal: 6, SIGABRT: process abort signal)\n"
  const lines = summary(countCargo({ code: 101, output, stdout: output }))
  t.is(lines.at(-1), '0 passed, 1 failed')
  t.true(told(t, lines, "process didn't exit successfully").includes('    thread panicked twice'))
})

test('a test of ava that has failed is told with its assertion and where that is', async t => {
  const cwd = place(t)
  mkdirSync(join(cwd, 'tests'))
  symlinkSync(join(HERE, 'node_modules'), join(cwd, 'node_modules'), 'junction')
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module", "ava": { "files": ["tests/*"] } }')
  writeFileSync(join(cwd, 'tests/one.js'), JAVASCRIPT)
  writeFileSync(join(cwd, 'tests/other.js'), UNCAUGHT)
  const env = { CI: 'true' }
  const outcome = await collect(process.execPath, [tool('ava', 'ava')], { cwd, env })
  const lines = summary(countAva(outcome))
  t.is(lines.at(-1), '1 passed, 3 failed', outcome.output)
  const adds = told(t, lines, 'one › adds')
  t.regex(adds[0], /tests\/one\.js:7$/)
  t.deepEqual(adds.slice(1, 5), [
    '    the sum of one and one',
    '    Difference (- actual, + expected):',
    '    - 2',
    '    + 3',
  ])
  t.regex(told(t, lines, 'one › throws').join('\n'), /TypeError: no such thing\n +at .*tests\/one\.js:9/)
  t.regex(told(t, lines, 'Uncaught exception in').join('\n'), /other\.js:4\n +Error: too late/)
  t.false(lines.join('\n').includes('of no interest'))
})

test('what has failed without a name, or has not ended, is told with the end of its output', t => {
  const output = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join('')
  const lint = told(t, summary(countLint({ code: 1, output })), 'it has ended with 1')
  t.is(lint.length, 30)
  t.is(lint.at(-1), '    line 99')
  const late = summary(countAva({ code: 128, output, isLate: true }))
  t.is(told(t, late, 'it has not ended in time').at(-1), '    line 99')
})

test('every failure is named, and what is told of all stands in the last 40 lines before the totals', t => {
  const says = Array.from({ length: 100 }, () => 'x'.repeat(1000))
  for (const count of [1, 3, 10, 50]) {
    const failures = Array.from({ length: count }, (_, i) => ({ name: `test ${i}`, says }))
    const lines = summary({ passed: 0, failed: count, skipped: ['something'], failures })
    t.is(lines.filter(line => line.startsWith('FAILED')).length, count)
    t.deepEqual(lines.slice(-2), ['', `0 passed, ${count} failed`])
    const why = lines.slice(-42, -2).filter(line => /^(FAILED| {4}x)/.test(line))
    t.is(
      why.filter(line => line.startsWith('    x')).length,
      lines.filter(line => line.startsWith('    x')).length,
    )
    t.true(why.length > 30, `${why.length}`)
    t.true(lines.every(line => line.length < 250))
  }
})
