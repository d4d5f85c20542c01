// Whether a crate may be compiled into what is released, by the list that `cargo deny` takes too.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, ScriptError } from '../lib.mjs'

/** Throws unless the licence of a crate, as its manifest gives it, allows what deny.toml allows. */
export async function checkLicence({ name, version, license }) {
  // Found only when needed: it is not there before everything is installed.
  const { default: satisfies } = await import('spdx-satisfies')
  // Cargo once took a slash for "or".
  const expression = license?.replaceAll('/', ' OR ')
  if (expression === undefined || !satisfies(expression, allowed())) {
    throw new ScriptError(`${name} ${version} has the licence ${license}, which deny.toml does not allow`)
  }
}

function allowed() {
  const text = readFileSync(join(root, 'deny.toml'), 'utf8')
  const [, list] = /^allow = \[(.*?)^\]/ms.exec(text) ?? []
  if (list === undefined) throw new ScriptError('deny.toml has no list of licences')
  return [...list.matchAll(/"(.*?)"/g)].map(match => match[1])
}
