/** Those who wait for the same sync: all of them share one promise. */
interface Group {
  /** The highest id that one of them waits for, or that the sync will cover in any case. */
  upTo: number
  /** The block that was being filled when the group was made, if its events were in that one. */
  readonly block: number | undefined
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Those who wait for durability, in groups that the next sync to begin cannot tell apart: it covers whole blocks, all
 * that are published. So thousands of waiters are a few promises, and nobody waits longer for it.
 */
export class SyncGroups {
  /** Ascending by id. */
  #groups: Group[] = []

  get empty(): boolean {
    return this.#groups.length === 0
  }

  /** The highest id that somebody waits for; 0: nobody waits. */
  get highest(): number {
    return this.#groups.at(-1)?.upTo ?? 0
  }

  /**
   * A promise for the durability of an event.
   *
   * @param publishedId the last event in a published block; later ones are in the block that is being filled
   * @param block tells that block from others
   */
  join(id: number, publishedId: number, block: number): Promise<void> {
    return (id > publishedId ? this.#ofBlock(id, block) : this.#ofPublished(id, publishedId)).promise
  }

  /** The group of those who wait for events of the block that is being filled. */
  #ofBlock(id: number, block: number): Group {
    const last = this.#groups.at(-1)
    if (last?.block !== block) return this.#insert(this.#groups.length, newGroup(id, block))
    if (last.upTo < id) last.upTo = id
    return last
  }

  /** The first group that covers a published event, or one that does not wait for more than what is published. */
  #ofPublished(id: number, publishedId: number): Group {
    let at = this.#groups.length
    while (at > 0 && (this.#groups[at - 1]?.upTo ?? 0) >= id) at--
    const covering = this.#groups[at]
    if (covering !== undefined && covering.upTo <= publishedId) return covering
    return this.#insert(at, newGroup(publishedId, undefined))
  }

  #insert(at: number, group: Group): Group {
    this.#groups.splice(at, 0, group)
    return group
  }

  /** Releases everyone who waits for `durableId` or an earlier event. */
  release(durableId: number): void {
    const later = this.#groups.findIndex(group => group.upTo > durableId)
    const served = this.#groups.splice(0, later < 0 ? this.#groups.length : later)
    for (const group of served) group.resolve()
  }

  /** Nobody will be served any more. */
  fail(error: Error): void {
    for (const group of this.#groups.splice(0)) group.reject(error)
  }
}

function newGroup(upTo: number, block: number | undefined): Group {
  let resolve = (): void => {}
  let reject = (_error: Error): void => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { upTo, block, promise, resolve, reject }
}
