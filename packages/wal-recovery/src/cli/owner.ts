/** Who owns a log: what is made in it has to stay readable to its recorder. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from './failure.js'

/**
 * Permission bits for new files of a log: those that its files have.
 *
 * @throws UsageError if this process is somebody else than the owner, whose recorder could not open what is made
 */
export async function fileModeOf(dir: string): Promise<number> {
  if (!(await isOwner(dir))) {
    const { uid } = await stat(dir)
    throw new UsageError(
      `this log belongs to user ${uid}, who could not open the files that user ${process.getuid?.()} makes: ` +
        `run it as that user, for example with sudo -u '#${uid}'`,
    )
  }
  return fileModeIn(dir)
}

/** Whether a log belongs to the user of this process. */
export async function isOwner(dir: string): Promise<boolean> {
  const own = process.getuid?.()
  return own === undefined || own === (await stat(dir)).uid
}

/** Permission bits of the files of a log. */
export async function fileModeIn(dir: string): Promise<number> {
  for (const name of await readdir(dir)) {
    if (!/^\d{8}\.wal(\.zst)?$/.test(name)) continue
    try {
      return (await stat(join(dir, name))).mode & 0o777
    } catch (error) {
      // It may have been compressed or removed just now.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return 0o600
}
