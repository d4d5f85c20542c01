import { types } from 'node:util'
import test from 'ava'
import { bytesOf, metricsSymbol } from '#src/source.js'

test('what another thread could change meanwhile is copied before the addon reads it', t => {
  const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(7)
  const bytes = bytesOf({ [metricsSymbol]: () => shared }, 0)()
  t.false(types.isSharedArrayBuffer(bytes.buffer))
  t.deepEqual([...bytes], [7, 7, 7, 7])
  const own = new Uint8Array(4)
  t.is(bytesOf({ [metricsSymbol]: () => own }, 0)(), own, 'and nothing else is')
})
