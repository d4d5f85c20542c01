// Whether the commands of the pages that are not marked `run` are there: scripts of npm, packages, programs. What is shown
// with its output, or changes what only its reader has, a test has to play. And whether every block is looked at at all.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson } from '../lib.mjs'

/** The pages whose other commands and outputs tests of `packages/wal-recorder` play. */
const PLAYED = new Set(['docs/cli.md', 'docs/recovery.md'])

/** What the checks here look at, and text for people. */
const LANGUAGES = new Set(['ts', 'js', 'sh', 'console', 'hex', 'json', 'yaml', 'text'])

export function checkCommands(root, pages) {
  const { scripts } = readJson(join(root, 'package.json'))
  const packages = readdirSync(join(root, 'packages')).map(name => `@flashstrike/${name}`)
  const known = { root, scripts, packages }
  const problems = []
  let checked = 0
  for (const page of pages) {
    for (const { language, line } of page.blocks) {
      if (language === 'rust') problems.push(...untestedRust(root, page, line))
      else if (!LANGUAGES.has(language)) problems.push(`${page.path}:${line}: nothing looks at ${language}`)
    }
  }
  for (const page of pages.filter(({ path }) => !PLAYED.has(path))) {
    for (const { language, flags, line, code } of page.blocks) {
      if (language === 'console') problems.push(`${page.path}:${line}: no test plays what is shown here`)
      if (language !== 'sh' || flags.includes('run')) continue
      for (const [index, command] of code.trimEnd().split('\n').entries()) {
        checked += 1
        const problem = problemOf(known, page, command.replace(/\s+#.*$/, ''))
        if (problem !== undefined) problems.push(`${page.path}:${line + index}: ${command}: ${problem}`)
      }
    }
  }
  return { checked, problems }
}

function problemOf({ root, scripts, packages }, page, command) {
  const [, script] = /^npm (?:run )?(start|test|[a-z-]+)$/.exec(command) ?? []
  if (script !== undefined) return script in scripts ? undefined : 'there is no such script'
  const [, names] = /^npm install (.*)$/.exec(command) ?? []
  if (names !== undefined) {
    // Those of a folder are whatever was packed there.
    const strange = names.split(' ').filter(name => !packages.includes(name) && !name.endsWith('/*.tgz'))
    return strange.length === 0 ? undefined : `${strange.join(', ')} is not of this repository`
  }
  const [, program] = /^node (\S+)$/.exec(command) ?? []
  // A page may say what is to be written where.
  const isThere =
    program !== undefined && (existsSync(join(root, program)) || page.text.includes(`\`${program}\``))
  return isThere ? undefined : 'nothing tries this'
}

/** The examples of a crate's README are compiled if they are part of its documentation. */
function untestedRust(root, { path }, line) {
  const [, crate] = /^crates\/([^/]+)\/README\.md$/.exec(path) ?? []
  const library = crate === undefined ? undefined : join(root, 'crates', crate, 'src/lib.rs')
  const isCompiled =
    library !== undefined && readFileSync(library, 'utf8').includes('include_str!("../README.md")')
  return isCompiled ? [] : [`${path}:${line}: nothing compiles this`]
}
