// What the suites reported, as a table and one closing line that machines can read.

/** Prints the table and the totals; returns the exit code. */
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
  const total = key => results.reduce((sum, result) => sum + result[key], 0)
  console.log(`\n${total('passed')} passed, ${total('failed')} failed`)
  return total('failed') === 0 ? 0 : 1
}

function count(n) {
  return String(n).padStart(6)
}

/**
 * Totals of `cargo test`, which prints one result line for each test binary. A run that fails without a failed test
 * (it did not compile, it crashed) counts as one failure.
 */
export function countCargo({ code, output }) {
  const lines = [...output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed;/gm)]
  const passed = sum(lines.map(line => line[1]))
  const failed = sum(lines.map(line => line[2]))
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped: skips(output) }
}

/**
 * Totals of ava's closing summary. A test process that dies is missing from it and shows in the exit code only, so
 * that counts as one failure.
 */
export function countAva({ code, output }) {
  const number = pattern => sum([...output.matchAll(pattern)].map(match => match[1]))
  const passed = number(/^\s*(\d+) tests? passed$/gm)
  const failed =
    number(/^\s*(\d+) tests? failed$/gm) +
    number(/^\s*(\d+) uncaught exceptions?$/gm) +
    number(/^\s*(\d+) unhandled rejections?$/gm)
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped: skips(output) }
}

function skips(output) {
  return [...new Set([...output.matchAll(/SKIPPED: (.*)$/gm)].map(match => match[1].trim()))]
}

function sum(numbers) {
  return numbers.reduce((total, n) => total + Number(n), 0)
}
