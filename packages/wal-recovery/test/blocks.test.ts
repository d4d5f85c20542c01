import test from 'ava'
import type { ByteEvent } from '#src/byte-event.js'
import type { LogBlock } from '#src/log-block.js'
import type { NativeRecovery } from '#src/native.js'
import { type Recovery, recoveryOf } from '#src/recovery.js'
import { defineEvent, schemaJson, u32 } from '#src/schema.js'
import { byteBlock, FakeRuns, fixedBlock, layOut, type Step } from './logs.js'

const Count = defineEvent('Count', { value: u32 })

interface Numbered {
  readonly event_id: number
}

function logOf(steps: readonly Step[], schema: string): Recovery<Numbered> {
  const native = {
    schemaJson: () => schema,
    reportJson: () => '{"mode":"tail"}',
    replay: () => new FakeRuns(steps),
  }
  return recoveryOf<Numbered>(native as unknown as NativeRecovery, undefined)
}

function counts(...ids: number[]) {
  return fixedBlock(Count.size, ids, (view, i) => view.setUint32(8, (ids[i] ?? 0) * 10, true))
}

function texts(firstId: number, count: number) {
  const entries = Array.from({ length: count }, (_, i) => Buffer.from('x'.repeat(i * 5)))
  return byteBlock(firstId, entries)
}

/** Two blocks in one run and one in a run of its own, with ids 1 to 4, 5 to 7 and 8 to 9. */
const logs = {
  'events of a fixed size': () =>
    logOf([layOut([counts(1, 2, 3, 4), counts(5, 6, 7)]), layOut([counts(8, 9)])], schemaJson(Count)),
  'events of any length': () => logOf([layOut([texts(1, 4), texts(5, 3)]), layOut([texts(8, 2)])], '{}'),
}

async function blocksOf(log: Recovery<Numbered>, look: (block: LogBlock<Numbered>) => void): Promise<void> {
  for await (const block of log.blocks()) if (!('reason' in block)) look(block)
}

function* upTo<E>(events: Iterable<E>, most: number): Generator<E> {
  let left = most
  for (const event of events) {
    if (left-- === 0) return
    yield event
  }
}

for (const [what, open] of Object.entries(logs)) {
  test(`iterations over one block go on side by side: ${what}`, async t => {
    await blocksOf(open(), block => {
      const alone = Array.from(block, read)
      t.is(alone.length, block.count)
      for (const most of [1, 2, 10]) {
        const seen: unknown[] = []
        for (const outer of upTo(block, 10)) {
          t.deepEqual(Array.from(upTo(block, most), read), alone.slice(0, most))
          seen.push(read(outer))
        }
        t.deepEqual(seen, alone)
      }
    })
  })

  test(`what was begun in a block reads no other one: ${what}`, async t => {
    const begun: Array<() => unknown> = []
    const late = { code: 'WAL_CLOSED', message: /toObject\(\)/ }
    let looked = 0
    await blocksOf(open(), block => {
      for (const read of begun.splice(0)) t.throws(read, late, `in the block from ${block.firstId} on`)
      const [fresh, inside, atLast, ended] = [0, 1, block.count, block.count + 1].map(steps => {
        const events = block[Symbol.iterator]()
        let event: Numbered | undefined
        for (let i = 0; i < steps; i++) event = events.next().value ?? event
        return { events, event }
      })
      for (const reading of [fresh, inside, atLast]) begun.push(() => reading?.events.next())
      for (const reading of [inside, atLast, ended]) begun.push(() => read(reading?.event))
      looked++
    })
    t.is(looked, 3)
    for (const read of begun) t.throws(read, late, 'behind the end')
  })

  test(`an iteration over a block that has ended stays so when the block has passed: ${what}`, async t => {
    const ended: Array<Iterator<Numbered, undefined>> = []
    await blocksOf(open(), block => {
      const [whole, left] = [block[Symbol.iterator](), block[Symbol.iterator]()]
      while (!whole.next().done);
      left.next()
      left.return()
      ended.push(whole, left)
      for (const events of ended) t.deepEqual(events.next(), { done: true, value: undefined })
    })
    t.is(ended.length, 6)
  })
}

/** Reads something of an event that lies in the memory of the log. */
function read(event: Numbered | undefined): unknown {
  return (event as unknown as ByteEvent | undefined)?.toObject()
}
