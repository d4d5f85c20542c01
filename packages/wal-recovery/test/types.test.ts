import test from 'ava'
import { type ByteEvent, type EventOf, Recovery } from '#src/index.js'
import { bytes, defineEvent, i64, type TypedColumn, u32, u64 } from '#src/schema.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only if the types are the same. */
function same<A, B>(_proof: Same<A, B>): void {}

const Order = defineEvent('Order', { price: i64, id: u32, account: u64.big, tag: bytes(4) })

test('types are inferred from the event type', t => {
  type Values = EventOf<typeof Order>
  same<Values['price'], number>(true)
  same<Values['account'], bigint>(true)
  same<Values['tag'], Uint8Array>(true)
  same<keyof Values, 'price' | 'id' | 'account' | 'tag'>(true)

  const replayed = async () => {
    const log = await Recovery.open({ dir: 'x', event: Order })
    for (const event of log.replay()) {
      same<typeof event.event_id, number>(true)
      same<typeof event.account, bigint>(true)
      // @ts-expect-error: no such field
      event.quantity
      // @ts-expect-error: fields are read only
      event.price = 1
      const copy = event.toObject()
      same<typeof copy.price, number>(true)
    }
    for await (const block of log.blocks()) {
      if ('reason' in block) continue
      same<ReturnType<typeof block.column<'price'>>, Float64Array>(true)
      same<ReturnType<typeof block.column<'id'>>, Uint32Array>(true)
      same<ReturnType<typeof block.column<'account'>>, BigUint64Array>(true)
      same<ReturnType<typeof block.column<'event_id'>>, Float64Array>(true)
      block.column('id', new Uint32Array(9))
      // @ts-expect-error: bytes are no column
      block.column('tag')
      // @ts-expect-error: no such field
      block.column('quantity')
      // @ts-expect-error: another array
      block.column('id', new Float64Array(9))
    }
    const untyped = await Recovery.open({ dir: 'x' })
    for (const event of untyped.replay()) same<(typeof event)['anything'], unknown>(true)
    for await (const block of untyped.blocks()) {
      if (!('reason' in block)) same<ReturnType<typeof block.column<'anything'>>, TypedColumn>(true)
    }
    const bytes = await Recovery.open<ByteEvent>({ dir: 'x' })
    for (const event of bytes.replay()) same<typeof event.text, string>(true)
  }
  t.is(typeof replayed, 'function')
})
