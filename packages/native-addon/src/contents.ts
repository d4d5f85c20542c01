import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { reasonOf } from './advice.js'

/** What packing has written of an addon into the package that holds it. */
export interface PackedContents {
  /** Length of the file. */
  readonly bytes: number
  /** SHA-256 of the file, in hexadecimal digits. */
  readonly sha256: string
}

/** The addon that a platform's package has to hold. */
export interface PackedAddon {
  readonly file: string
  readonly contents?: PackedContents | undefined
}

/**
 * What the package.json of a platform's package says of its addon. `require` is not asked: it finds no file that is
 * missing.
 *
 * @throws what the system or the parser says where it cannot be read
 */
export function packedAddon(manifest: string, expected: string): PackedAddon {
  const { main = expected, addon } = parsed(manifest, readFileSync(manifest, 'utf8'))
  return { file: resolve(dirname(manifest), main), contents: addon }
}

function parsed(manifest: string, text: string): { main?: string; addon?: PackedContents } {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SyntaxError(`${manifest} is damaged: ${reasonOf(cause)}`, { cause })
  }
}

/** Found whole in this thread: a package loads its addon from several of its modules. */
const whole = new Set<string>()

/**
 * What is wrong with an addon's file, or undefined. It is looked at before it is loaded: the system maps a file that is
 * damaged without a word, and the process dies by a signal where it comes to what is missing.
 *
 * @throws what the system says where the file cannot be read
 */
export function damageOf(file: string, { bytes, sha256 }: PackedContents): string | undefined {
  if (whole.has(file)) return undefined
  const contents = readFileSync(file)
  if (contents.length !== bytes) return `it has ${contents.length} bytes, and not ${bytes}`
  if (createHash('sha256').update(contents).digest('hex') !== sha256)
    return 'its contents are not those that were packed'
  whole.add(file)
  return undefined
}
