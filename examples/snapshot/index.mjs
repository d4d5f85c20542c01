/** A state and the event it is behind, in one file that is there as a whole or not at all. */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Puts a snapshot in the place of the last one. It survives a power cut from then on. */
export async function saveSnapshot(path, snapshot) {
  const draft = `${path}.new`
  const file = await open(draft, 'w')
  try {
    await file.writeFile(JSON.stringify(snapshot))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  const directory = await open(dirname(path))
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** The last snapshot; undefined if there is none. */
export async function loadSnapshot(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
