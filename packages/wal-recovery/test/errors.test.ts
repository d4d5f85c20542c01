import test from 'ava'
import { translating, WalError } from '#src/errors.js'

test('an error carries its code and only the places that apply', t => {
  const error = new WalError('WAL_CORRUPT', 'block 3 is damaged', {
    segment: 2,
    offset: 448,
    eventId: undefined,
  })
  t.is(error.code, 'WAL_CORRUPT')
  t.deepEqual(Object.keys(error).sort(), ['code', 'offset', 'segment'])
  t.is(String(error), 'WalError: block 3 is damaged')
  t.true(error instanceof Error)
})

test('instanceof holds between two copies of the package', async t => {
  const copy = (await import(`${new URL('../../dist/errors.js', import.meta.url).href}?copy`)) as {
    WalError: typeof WalError
  }
  t.not(copy.WalError, WalError)
  t.true(new copy.WalError('WAL_IO', '') instanceof WalError)
  t.true(new WalError('WAL_IO', '') instanceof copy.WalError)
  t.false(new Error('WAL_IO') instanceof WalError)
})

test('instanceof of a subclass means that subclass', t => {
  class Special extends WalError {}
  t.false(new WalError('WAL_IO', '') instanceof Special)
  t.true(new Special('WAL_IO', '') instanceof Special)
  t.true(new Special('WAL_IO', '') instanceof WalError)
})

test('what the native side throws becomes a WalError', t => {
  const native = Object.assign(new Error('held by 42'), { code: 'WAL_LOCKED', path: '/log' })
  const thrown = t.throws(() =>
    translating(() => {
      throw native
    }),
  )
  t.true(thrown instanceof WalError)
  t.like(thrown, { code: 'WAL_LOCKED', path: '/log', message: 'held by 42' })
})

test('other errors pass unchanged', t => {
  const other = new TypeError('no function')
  t.is(WalError.from(other), other)
  t.is(
    t.throws(() =>
      translating(() => {
        throw other
      }),
    ),
    other,
  )
})
