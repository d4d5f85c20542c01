// What was done already: a file says for which sources, so that nothing is built or installed twice.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './lib.mjs'

const GENERATED = new Set(['dist', 'native', 'node_modules', 'target', 'npm'])

/**
 * A digest over names, sizes and times of files: it changes whenever a build has to be done again. A copy of the clone
 * has the same one, if it has the same times.
 */
export function fingerprint(paths, extra = []) {
  const hash = createHash('sha256')
  for (const text of extra) hash.update(`${text}\n`)
  for (const path of paths) addToFingerprint(hash, path)
  return hash.digest('hex')
}

function addToFingerprint(hash, path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false })
  if (stat === undefined) return hash.update(`${path} missing\n`)
  // Copying keeps times to the millisecond.
  if (!stat.isDirectory()) return hash.update(`${path} ${stat.size} ${Math.round(stat.mtimeMs)}\n`)
  for (const name of readdirSync(join(root, path)).sort()) {
    if (!GENERATED.has(name)) addToFingerprint(hash, join(path, name))
  }
}

/** Whether the stamp file says that the work was done for this fingerprint. */
export function isDone(stampPath, print) {
  const stamp = join(root, stampPath)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === print
}

/**
 * Does `work` unless the stamp file says that it was done for this fingerprint. Work that changes what the fingerprint
 * is taken of gives the new one.
 */
export async function unlessDone(stampPath, print, outputs, work) {
  if (isDone(stampPath, print) && outputs.every(path => existsSync(join(root, path)))) return
  const after = (await work()) ?? print
  const stamp = join(root, stampPath)
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, after)
}
