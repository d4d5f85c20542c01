import { WalError } from '@flashstrike/wal-recovery/errors'

/** Does something for each element of a batch; an error of ours says which element it is about. */
export function forEachOf<T>(batch: readonly T[], work: (element: T, index: number) => void): void {
  // The work may run code of the caller's that changes the batch: what was counted is what is done.
  const { length } = batch
  let index = 0
  try {
    for (; index < length; index++) work(batch[index] as T, index)
  } catch (thrown) {
    if (!(thrown instanceof WalError)) throw thrown
    throw new WalError(thrown.code, `element ${index} of the batch: ${thrown.message}`, thrown, {
      cause: thrown,
    })
  }
}
