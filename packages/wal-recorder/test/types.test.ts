import { Readable, type Writable } from 'node:stream'
import test from 'ava'
import {
  type AppendOf,
  defineEvent,
  type EventType,
  type InputOf,
  Recorder,
  type RecorderOptions,
  u32,
} from '#src/index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only if the types are the same. */
function same<A, B>(_proof: Same<A, B>): void {}

const Tick = defineEvent('Tick', { price: u32 })

test('options that are kept in a variable open a recorder of their type', t => {
  const opened = async () => {
    const plain: RecorderOptions = { dir: 'x' }
    const bytes = await Recorder.open(plain)
    same<typeof bytes, Recorder>(true)
    const typed: RecorderOptions<typeof Tick> = { dir: 'x', event: Tick }
    const ticks = await Recorder.open({ ...typed, event: Tick })
    same<typeof ticks, Recorder<typeof Tick>>(true)
    const either: RecorderOptions<EventType | undefined> = { dir: 'x' }
    const any = await Recorder.open(either)
    same<typeof any, Recorder<EventType | undefined>>(true)
    // @ts-expect-error: options of a log of bytes have no event type
    const wrong: RecorderOptions = { dir: 'x', event: Tick }
    return wrong
  }
  t.is(typeof opened, 'function')
})

test('what can be appended follows from the event type', t => {
  same<InputOf<typeof Tick>['price'], number>(true)
  same<InputOf<undefined>, Uint8Array | string>(true)
  const append = (ticks: Recorder<typeof Tick>, bytes: Recorder) => {
    same<typeof ticks.append, AppendOf<typeof Tick>>(true)
    ticks.appendBatch([{ price: 1 }])
    bytes.appendBatch(['a', new Uint8Array(1)])
    bytes.appendBatch(new Set(['a']))
    // @ts-expect-error: a text is one event and not as many as it has letters
    bytes.appendBatch('abc')
    void ticks.appendAll([{ price: 1 }])
    void bytes.appendAll(Readable.from(['a']))
    // @ts-expect-error: nor here
    void bytes.appendAll('abc')
    // @ts-expect-error: no such field
    void ticks.appendAll([{ price: 1, quantity: 2 }])
    same<ReturnType<typeof ticks.writable>, Writable>(true)
    // @ts-expect-error: a log of bytes numbers its events itself
    bytes.append('a', { id: 5 })
    // @ts-expect-error: and so append is no listener that is given an index
    ;['a'].forEach(bytes.append)
    // @ts-expect-error: no such field
    ticks.append({ price: 1, quantity: 2 })
  }
  t.is(typeof append, 'function')
})
