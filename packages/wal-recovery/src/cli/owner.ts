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
  const { uid } = await stat(dir)
  const own = process.getuid?.()
  if (own !== undefined && own !== uid) {
    throw new UsageError(
      `this log belongs to user ${uid}, who could not open the files that user ${own} makes: ` +
        `run it as that user, for example with sudo -u '#${uid}'`,
    )
  }
  const names = await readdir(dir)
  const segment = names.find(name => /^\d{8}\.wal(\.zst)?$/.test(name))
  return segment === undefined ? 0o600 : (await stat(join(dir, segment))).mode & 0o777
}
