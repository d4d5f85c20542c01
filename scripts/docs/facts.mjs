// Whether tables and headings name exactly what the sources have: options with their defaults, error codes, figures.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** Interfaces of options and the page whose tables list them. */
const OPTIONS = [
  ['packages/wal-recorder/src/options.ts', 'RecorderOptions', 'packages/wal-recorder/README.md'],
  ['packages/wal-recovery/src/options.ts', 'RecoveryOptions', 'packages/wal-recovery/README.md'],
  ['packages/wal-recovery/src/options.ts', 'ReplayOptions', 'packages/wal-recovery/README.md'],
  ['packages/wal-recovery/src/options.ts', 'FollowOptions', 'packages/wal-recovery/README.md'],
]
const ERRORS = 'packages/wal-recovery/src/errors.ts'
/** Has a heading for each code; the packages' pages may leave out those that they never give. */
const ALL_ERRORS = 'docs/operations.md'
const TELEMETRY_ERRORS = 'packages/telemetry/src/errors.ts'

/** Crates whose README has a table of features, first thing in its rows. */
const FEATURES = ['telemetry']

export function checkFacts(root, pages) {
  const problems = []
  const page = path => pages.find(candidate => candidate.path === path)
  let checked = 0
  for (const [source, name, path] of OPTIONS) {
    const options = optionsOf(parse(root, source), name)
    checked += options.length
    problems.push(...compareOptions(options, name, page(path)))
  }
  for (const crate of FEATURES) {
    const features = featuresOf(root, crate)
    checked += features.length
    problems.push(...compareFeatures(features, page(`crates/${crate}/README.md`)))
  }
  const codes = unionOf(parse(root, ERRORS), 'WalErrorCode')
  const known = new Set([...codes, ...unionOf(parse(root, TELEMETRY_ERRORS), 'MetricsErrorCode')])
  for (const { path, headings } of pages) {
    const named = headings.filter(({ text }) => text.startsWith('WAL_'))
    checked += named.length
    for (const { text, line } of named) {
      if (!known.has(text)) problems.push(`${path}:${line}: there is no code ${text}`)
    }
    if (path !== ALL_ERRORS) continue
    const there = new Set(named.map(({ text }) => text))
    for (const code of codes) if (!there.has(code)) problems.push(`${path}:1: no heading for ${code}`)
  }
  for (const overview of pages) {
    const figures = compareFigures(overview, page('docs/benchmarks.md'))
    checked += figures.checked
    problems.push(...figures.problems)
  }
  return { checked, problems }
}

/** The figures that an overview shows are in the table that `npm run bench` has written. */
function compareFigures({ path, rows }, { path: measured, rows: all }) {
  const known = new Set(
    all.map(({ cells: [figure, median, , reference, other, ratio] }) =>
      [figure, median, reference, other, ratio].join(' | '),
    ),
  )
  const shown = rows.filter(({ cells: [what] }) => what.includes(`${measured}#`))
  const wrong = shown.filter(({ cells: [, ...figures] }) => !known.has(figures.join(' | ')))
  const problems = wrong.map(
    ({ line, cells }) => `${path}:${line}: ${measured} has no such figure of ${cells[1]}`,
  )
  return { checked: shown.length, problems }
}

/** The features of a crate that its users may name. */
function featuresOf(root, crate) {
  const manifest = readFileSync(join(root, 'crates', crate, 'Cargo.toml'), 'utf8')
  const [, features = ''] = /^\[features\]\n(.*?)(?=^\[)/ms.exec(manifest) ?? []
  return Array.from(features.matchAll(/^([a-z-]+) = /gm), ([, name]) => name)
}

/** Each feature has a row, and each row a feature. */
function compareFeatures(features, { path, rows }) {
  const begin = rows.findIndex(({ cells }) => cells[0] === 'feature') + 2
  const listed = rows.slice(begin).map(({ cells }) => cells[0].replaceAll('`', ''))
  const missing = features.filter(name => !listed.includes(name))
  const strange = listed.filter(name => !features.includes(name))
  return [
    ...missing.map(name => `${path}:1: no row for the feature ${name}`),
    ...strange.map(name => `${path}:1: there is no feature ${name}`),
  ]
}

function parse(root, path) {
  const text = readFileSync(join(root, path), 'utf8')
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
}

/** Name and default of each property of an interface, as its TSDoc gives it. */
function optionsOf(file, name) {
  const found = file.statements.find(node => ts.isInterfaceDeclaration(node) && node.name.text === name)
  if (found === undefined) throw new Error(`${file.fileName} has no interface ${name}`)
  return found.members.map(member => {
    const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default')
    const text = ts.getTextOfJSDocComment(tag?.comment) ?? ''
    return {
      name: member.name.getText(),
      default: member.questionToken === undefined ? 'required' : text.replaceAll('`', '').trim(),
    }
  })
}

/** A row may shorten the default but not change it. */
function compareOptions(options, name, { path, rows }) {
  const problems = []
  for (const option of options) {
    const row = rows.find(({ cells }) => cells[0] === `\`${option.name}\``)
    if (row === undefined) {
      problems.push(`${path}:1: no row for the option ${option.name} of ${name}`)
      continue
    }
    const said = row.cells[1].replaceAll('`', '')
    if (!option.default.startsWith(said) || said === '') {
      problems.push(`${path}:${row.line}: ${option.name} has the default ${option.default}, not ${said}`)
    }
  }
  return problems
}

/** The members of a union of string literals. */
function unionOf(file, name) {
  const found = file.statements.find(node => ts.isTypeAliasDeclaration(node) && node.name.text === name)
  if (found === undefined || !ts.isUnionTypeNode(found.type)) {
    throw new Error(`${file.fileName} has no union ${name}`)
  }
  return found.type.types.map(type => type.literal.text)
}
