import { schemaJson } from '@flashstrike/wal-recovery/schema'
import test from 'ava'
import { eventAppender } from '#src/event-appender.js'
import { layoutOf } from '#src/event-layout.js'
import { Staging } from '#src/staging.js'
import { FakeNative } from './fake-native.js'
import { open, openBytes, SLOTS, Small, turn } from './fake-recorder.js'

const EVENTS = 300_000
const small = { a: 1 }

/** A way to append so many events at once. */
interface Way {
  readonly native: FakeNative
  readonly together: number
  append(i: number): unknown
}

const ways: Record<string, () => Way> = {
  'by object and by fields': () => {
    const { wal, native } = open()
    return { native, together: 1, append: i => (i % 2 === 0 ? wal.append(small) : wal.append.fields(1)) }
  },
  'in batches': () => {
    const { wal, native } = open()
    return { native, together: 3, append: () => wal.appendBatch([small, small, small]) }
  },
  'by a loop over the fields': () => {
    const native = new FakeNative({ dir: '', schema: schemaJson(Small) }, () => {}, SLOTS * Small.size)
    const { append } = eventAppender(layoutOf(Small), new Staging(native), false)
    return { native, together: 1, append: () => append(small as never) }
  },
  'as bytes and text': () => {
    const { wal, native } = openBytes(256)
    return { native, together: 1, append: i => wal.append(i % 2 === 0 ? 'event' : new Uint8Array(5)) }
  },
  'as bytes in batches': () => {
    const { wal, native } = openBytes(256)
    return { native, together: 3, append: () => wal.appendBatch(['a', 'b', 'c']) }
  },
  'as bytes larger than a block': () => {
    const { wal, native } = openBytes(64)
    const large = new Uint8Array(100)
    return { native, together: 1, append: () => wal.append(large) }
  },
}

for (const [how, make] of Object.entries(ways)) {
  for (const turns of [1, 100]) {
    test(`one append in 1 024 is timed, ${how}, in ${turns} turns; those that publish as often`, async t => {
      const { native, together, append } = make()
      const calls = EVENTS / together
      let publishing = 0
      let both = 0
      for (let i = 0; i < calls; i++) {
        const { timings } = native
        const blocks = native.blocks.length
        append(i)
        const published = native.blocks.length > blocks
        publishing += Number(published)
        both += Number(published && native.timings > timings)
        if (i % (calls / turns) === 0) await turn()
      }
      // Which ones are timed is left to chance; the bounds are far from what it can do.
      const { timings } = native
      const expected = EVENTS / 1024
      t.true(timings > 0.6 * expected && timings < 1.4 * expected, `${timings} for ${expected}`)
      const share = (publishing / calls) * timings
      t.true(both > 0.3 * share, `${both} of those that publish for ${share}`)
    })
  }
}
