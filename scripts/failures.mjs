// What test runners and other tools say of what has failed: each failure as its name and the lines that tell why. Where
// these are the end of an output, which is read from its end, `isEnd` says so.

/** Lines of the output that tell of a failure without a name. */
const END_LINES = 30

/** What a test of Rust begins with to say that it has failed. */
const PANIC = /^thread '(.*)' (?:\(\d+\) )?(panicked at .*)$/
/** What follows what it says. */
const BEHIND_PANIC = /^(stack backtrace:|note: )/

/** A failure that nothing but the end of an output tells of. */
export function endOf(output, name) {
  return { name, says: output.trimEnd().split('\n').slice(-END_LINES), isEnd: true }
}

/**
 * The tests that have failed in an output of `cargo test`, each with its own panic. Tests that have passed have sections
 * of their own, and the same name may stand in several test binaries.
 */
export function cargoFailures(output) {
  const failures = []
  let ofBinary = new Map()
  let lines = []
  for (const line of output.split('\n')) {
    const [, failed] =
      /^test (.+?)(?: - (?:should panic|compile|compile fail))? \.\.\. FAILED$/.exec(line) ?? []
    const [, name] = /^---- (.+) stdout ----$/.exec(line) ?? []
    if (failed !== undefined) {
      ofBinary.set(failed, { name: failed, lines: [] })
      failures.push(ofBinary.get(failed))
    } else if (name !== undefined) {
      lines = ofBinary.get(name)?.lines ?? []
    } else if (line === 'failures:' || line === 'successes:') {
      lines = []
    } else if (line.startsWith('test result: ')) {
      ofBinary = new Map()
      lines = []
    } else {
      lines.push(line)
    }
  }
  return failures.map(({ name, lines }) => {
    const panic = panicOf(lines, name)
    return { name, says: panic.length > 0 ? panic : lines.filter(isText) }
  })
}

function isText(line) {
  return line.trim() !== ''
}

/** The panic that has ended a test, and behind it the one before, which may be of a thread that it waited for. */
export function panicOf(lines, name) {
  const panics = []
  let says = []
  for (const line of lines) {
    const [, thread, place] = PANIC.exec(line) ?? []
    if (place !== undefined) {
      says = [place]
      panics.push({ thread, says })
    } else if (BEHIND_PANIC.test(line)) says = []
    else if (isText(line)) says.push(line)
  }
  const own = panics.findLastIndex(({ thread }) => thread === name || thread === 'main')
  const [last, before] = own < 0 ? panics.toReversed() : [panics[own], panics[own - 1]]
  return [...(last?.says ?? []), ...(before === undefined ? [] : ['and before it:', ...before.says])]
}

/** What ava says of its tests in the end stands between two such lines, and each test behind blank lines. */
const RULE = /^ {2}─$/m
const BETWEEN_TESTS = '\n\n\n\n'
/** What it says while they run: what no test has caught, until something else is said, and what has failed or not ended. */
const UNCAUGHT = /^ {2}(Uncaught exception|Unhandled rejection) in /
const SAID = /^ {2,}([✘✔◌]) (.*)$/u
/** Which of them is a test, whose name follows. */
const TEST = /^\[.*?\]: /
/** The code around an assertion, and calls that are not of a test. */
const NOISE = /^\s*(\d+: |at .*(node:|node_modules))/

/**
 * The tests that have failed in an output of ava, each with its assertion; exceptions that no test has caught; and test
 * files that have ended otherwise, or not at all.
 */
export function avaFailures(output) {
  const [during, details = ''] = output.split(RULE)
  const tests = details.split(BETWEEN_TESTS).map(text => tell(text.split('\n')))
  const isDetailed = name =>
    TEST.test(name) && tests.some(test => name.replace(TEST, '').startsWith(test.name))
  const uncaught = []
  const [failed, running] = [[], []]
  let lines = []
  for (const line of during.split('\n')) {
    const [, mark, name] = SAID.exec(line) ?? []
    if (UNCAUGHT.test(line) || mark !== undefined) lines = []
    if (UNCAUGHT.test(line)) uncaught.push(lines)
    lines.push(line)
    if (mark === '✘' && !isDetailed(name)) failed.push(name)
    if (mark === '◌') running.push(`it was running: ${name}`)
  }
  const others = failed.map(name => ({ name, says: name.startsWith('Timed out') ? running : [] }))
  return [...tests.filter(({ name }) => name !== ''), ...uncaught.map(tell), ...others]
}

/** The first line of a text is its name. */
function tell(lines) {
  const [name = '', ...says] = lines.filter(line => isText(line) && !NOISE.test(line))
  return { name: name.trim(), says: says.map(line => line.replace(/^ {2}/, '')) }
}
