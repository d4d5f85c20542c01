import { WalError } from './errors.js'
import type { NativeRecovery } from './native.js'
import type { VerifyProgress } from './options.js'
import type { VerifySummary } from './report.js'
import { nextTurn } from './turn.js'

/** Verifies every segment of a log. What `onProgress` throws rejects it in the end, and it is not called again. */
export async function verifyAll(
  native: NativeRecovery,
  onProgress: ((progress: VerifyProgress) => void) | undefined,
): Promise<VerifySummary> {
  let listen = onProgress
  const thrown: unknown[] = []
  try {
    const verified = native.verify((segments, ofSegments, bytes) => {
      try {
        listen?.({ segments, ofSegments, bytes })
      } catch (error) {
        listen = undefined
        thrown.push(error)
      }
    })
    const summary = await onceTold(verified)
    if (thrown.length === 0) return JSON.parse(summary) as VerifySummary
  } catch (error) {
    throw WalError.from(error)
  }
  throw thrown[0]
}

/** What was found, once all progress towards it was told as well. */
export async function onceTold<Found>(verified: Promise<Found>): Promise<Found> {
  const found = await verified
  // The addon tells of progress and of the end in ways of their own: the last of the one may come behind the other.
  await nextTurn()
  return found
}
