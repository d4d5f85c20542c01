// What the suites reported: a table, why each failure has failed, and one closing line that machines can read.
import { avaFailures, cargoFailures, endOf } from './failures.mjs'

/** Lines in all that tell why something has failed, and of how many failures: who has the end of a log has them all. */
const WHY_LINES = 40
const WHY_FAILURES = 10
/** A longer line is cut. */
const LINE_LENGTH = 240

/** Prints the summary; returns the exit code. */
export function printSummary(results) {
  for (const line of summaryOf(results)) console.log(line)
  return total(results, 'failed') === 0 ? 0 : 1
}

/** The lines of a summary: the table, what was skipped, what has failed and why, the totals. */
export function summaryOf(results) {
  const width = Math.max(...results.map(result => result.name.length))
  const table = results.map(({ name, passed, failed, seconds }) => {
    const verdict = failed === 0 ? 'ok  ' : 'FAIL'
    const counted = `${count(passed)} passed ${count(failed)} failed`
    return `${verdict} ${name.padEnd(width)} ${counted} ${seconds.toFixed(1).padStart(7)} s`
  })
  const skipped = results.flatMap(({ name, skipped }) => skipped.map(what => `SKIPPED ${name}: ${what}`))
  const failures = results.flatMap(({ name: suite, failures }) =>
    failures.map(failure => ({ suite, ...failure })),
  )
  const last = failures.slice(0, WHY_FAILURES)
  const failed = [
    ...failures.slice(WHY_FAILURES).flatMap(failure => why(failure, 1)),
    ...last.flatMap(failure => why(failure, Math.floor(WHY_LINES / last.length))),
  ]
  const totals = `${total(results, 'passed')} passed, ${total(results, 'failed')} failed`
  return ['', ...table, ...skipped, ...failed.map(cut), '', totals]
}

/** A failure in at most so many lines. */
function why({ suite, name, says, isEnd = false }, lines) {
  const shown = isEnd ? says.slice(Math.max(says.length - lines + 1, 0)) : says.slice(0, lines - 1)
  return [`FAILED ${suite}: ${name}`, ...shown.map(line => `    ${line}`)]
}

function total(results, key) {
  return sum(results.map(result => result[key]))
}

function cut(line) {
  return line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)} …` : line
}

function count(n) {
  return String(n).padStart(6)
}

/** Totals of a lint: one thing that is right or wrong. */
export function countLint(outcome) {
  const passed = outcome.code === 0 ? 1 : 0
  return { passed, failed: 1 - passed, skipped: skips(outcome.output), failures: orEnd([], outcome) }
}

/**
 * Totals of `cargo test`, which prints one result line for each test binary that came to its end. One that died counts
 * as one failure, as does a run that fails without a failed test (it did not compile).
 */
export function countCargo(outcome) {
  // What cargo says itself comes between what the tests say, in the midst of a line too.
  const { code, output, stdout } = outcome
  const lines = [...stdout.matchAll(/^test result: .*? (\d+) passed; (\d+) failed;/gm)]
  // With 101 ends one whose tests have failed.
  const dead = [...output.matchAll(/^ *(process didn't exit successfully: .* \((?!exit \w+: 101\)).*)$/gm)]
  const passed = sum(lines.map(line => line[1]))
  const failed = sum(lines.map(line => line[2])) + dead.length
  const deaths = dead.map(({ index, 1: name }) => endOf(output.slice(0, index), name))
  const failures = orEnd([...deaths, ...cargoFailures(stdout)], outcome)
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped: skips(output), failures }
}

/**
 * Totals of ava's closing summary. A test process that dies is missing from it and shows in the exit code only, so
 * that counts as one failure.
 */
export function countAva(outcome) {
  const { code, output } = outcome
  const number = pattern => sum([...output.matchAll(pattern)].map(match => match[1]))
  // Where something has failed, it does not say how many have passed.
  const passed = number(/^\s*(\d+) tests? passed$/gm) || [...output.matchAll(/^ *✔ /gm)].length
  const failed =
    number(/^\s*(\d+) tests? failed$/gm) +
    number(/^\s*(\d+) uncaught exceptions?$/gm) +
    number(/^\s*(\d+) unhandled rejections?$/gm)
  const failures = orEnd(code === 0 ? [] : avaFailures(output), outcome)
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped: skips(output), failures }
}

/** What has failed; where something has and nothing is known of it, and where it was killed, the end of the output. */
function orEnd(failures, { code, output, isLate }) {
  if (isLate) return [endOf(output, 'it has not ended in time'), ...failures]
  return code === 0 || failures.length > 0 ? failures : [endOf(output, `it has ended with ${code}`)]
}

function skips(output) {
  return [...new Set([...output.matchAll(/SKIPPED: (.*)$/gm)].map(match => match[1].trim()))]
}

function sum(numbers) {
  return numbers.reduce((total, n) => total + Number(n), 0)
}
