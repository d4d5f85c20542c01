// Where the Node binaries of the supported majors are.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { collect, root } from './lib.mjs'

/** The supported ones. */
export const MAJORS = ['20', '22', '24', '26']

/**
 * The Node of a major version, and its full version; undefined where none runs here. It is this one, the one that the
 * environment names (`FLASHSTRIKE_NODE_24`), or that of `scripts/runtimes`, which there is for Linux x64 with glibc alone.
 */
export async function nodeOf(major) {
  const own = process.versions.node
  if (own.startsWith(`${major}.`)) return { node: process.execPath, version: own }
  const installed = join(root, 'scripts/runtimes/node_modules', `node-${major}`, 'bin/node')
  const node = process.env[`FLASHSTRIKE_NODE_${major}`] ?? installed
  // With another C library it is there and not even found.
  const { code, stdout } = existsSync(node)
    ? await collect(node, ['--version']).catch(() => ({ code: 1 }))
    : { code: 1 }
  return code === 0 ? { node, version: stdout.trim().slice(1) } : undefined
}
