// What the suites reported, as a table and one closing line that machines can read.

/** Lines of the output that tell of a failure without a name. */
const TAIL_LINES = 30

/** Prints the table, what has failed and the totals; returns the exit code. */
export function printSummary(results) {
  const width = Math.max(...results.map(result => result.name.length))
  console.log('')
  for (const { name, passed, failed, seconds } of results) {
    const verdict = failed === 0 ? 'ok  ' : 'FAIL'
    console.log(
      `${verdict} ${name.padEnd(width)} ${count(passed)} passed ${count(failed)} failed ${seconds.toFixed(1).padStart(7)} s`,
    )
  }
  for (const { name, skipped } of results) {
    for (const what of skipped) console.log(`SKIPPED ${name}: ${what}`)
  }
  for (const { name, failures } of results) {
    for (const what of failures) console.log(`FAILED ${name}: ${what}`)
  }
  const total = key => results.reduce((sum, result) => sum + result[key], 0)
  console.log(`\n${total('passed')} passed, ${total('failed')} failed`)
  return total('failed') === 0 ? 0 : 1
}

function count(n) {
  return String(n).padStart(6)
}

/** Totals of a lint: one thing that is right or wrong. */
export function countLint(outcome) {
  const passed = outcome.code === 0 ? 1 : 0
  return { passed, failed: 1 - passed, skipped: skips(outcome.output), failures: named([], outcome) }
}

/**
 * Totals of `cargo test`, which prints one result line for each test binary that came to its end. One that died counts
 * as one failure, as does a run that fails without a failed test (it did not compile).
 */
export function countCargo(outcome) {
  const { code, output } = outcome
  const lines = [...output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed;/gm)]
  const dead = [...output.matchAll(/^ *(process didn't exit successfully: .*\(signal: .*)$/gm)]
  const tests = [...output.matchAll(/^test (.+?)(?: - should panic)? \.\.\. FAILED$/gm)]
  const passed = sum(lines.map(line => line[1]))
  const failed = sum(lines.map(line => line[2])) + dead.length
  const names = [...tests, ...dead].map(match => match[1])
  const failures =
    dead.length > 0 ? [...names, ...tail(output.slice(0, dead[0].index))] : named(names, outcome)
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped: skips(output), failures }
}

/**
 * Totals of ava's closing summary. A test process that dies is missing from it and shows in the exit code only, so
 * that counts as one failure.
 */
export function countAva(outcome) {
  const { code, output } = outcome
  const number = pattern => sum([...output.matchAll(pattern)].map(match => match[1]))
  const passed = number(/^\s*(\d+) tests? passed$/gm)
  const failed =
    number(/^\s*(\d+) tests? failed$/gm) +
    number(/^\s*(\d+) uncaught exceptions?$/gm) +
    number(/^\s*(\d+) unhandled rejections?$/gm)
  const failures = named(
    [...output.matchAll(/^\s*✘ (.*)$/gm)].map(match => match[1]),
    outcome,
  )
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped: skips(output), failures }
}

/** The names of what has failed; where something has failed and none is known, the end of the output. */
function named(names, { code, output }) {
  return code === 0 || names.length > 0 ? names : tail(output)
}

function tail(output) {
  return output.trimEnd().split('\n').slice(-TAIL_LINES)
}

function skips(output) {
  return [...new Set([...output.matchAll(/SKIPPED: (.*)$/gm)].map(match => match[1].trim()))]
}

function sum(numbers) {
  return numbers.reduce((total, n) => total + Number(n), 0)
}
