import test from 'ava'
import { WalError } from '#src/errors.js'
import { checkOptions, number, shown } from '#src/option-check.js'
import { defineEvent } from '#src/schema.js'

const rules = { from: number('an id') }

const noOptions: ReadonlyArray<[what: string, given: unknown, named: string]> = [
  ['an array, whose own reverse() would count as an option', [], 'an array'],
  ['bytes', new Uint8Array(2), '2 bytes'],
  ['a promise, as where an await was forgotten', Promise.resolve({ from: 1 }), 'a promise'],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['a map', new Map([['from', 1]]), 'a map'],
  ['a URL', new URL('file:///dev/shm/orders'), 'a URL'],
  ['a function', () => ({ from: 1 }), 'a function'],
]
for (const [what, given, named] of noOptions) {
  test(`what could only hold no option is refused in place of options: ${what}`, t => {
    const error = t.throws(() => checkOptions('replay', given, rules), { instanceOf: WalError })
    t.like(error, { code: 'WAL_UNSUPPORTED', message: `replay got ${named}: it takes an object with from` })
    t.throws(() => defineEvent('E', given as never), {
      code: 'WAL_SCHEMA',
      message: `E: the fields are ${named}: give an object, as { price: i64 }`,
    })
  })
}

test('options may be of a class, of no class, and a module', t => {
  class Settings {
    readonly from = 1
  }
  const bare = Object.assign(Object.create(null), { from: 1 })
  const module = Object.assign(Object.create(null, { [Symbol.toStringTag]: { value: 'Module' } }), {
    from: 1,
  })
  for (const given of [new Settings(), bare, module]) {
    t.notThrows(() => checkOptions('replay', given, rules))
  }
  t.throws(() => checkOptions('replay', Object.assign(bare, { form: 1 }), rules), {
    message: /did you mean from/,
  })
  class Computed {
    get from() {
      return '1'
    }
  }
  t.throws(() => checkOptions('replay', new Computed(), rules), {
    message: 'replay: from is "1": it takes an id',
  })
})

test('the only option there is is named in the singular', t => {
  t.throws(() => checkOptions('drain', { timeout: 5 }, { signal: number('a signal') }), {
    message: 'drain has no option timeout: there is signal',
  })
})

test('a value is named without running code of its own', t => {
  const trap = Object.create(null, {
    toString: {
      get() {
        throw new Error('looked at')
      },
    },
  })
  t.is(shown(trap), 'an object')
  t.is(shown(Symbol('s')), 'Symbol(s)')
  for (const feigned of [Object.create(Uint8Array.prototype), Object.create(Date.prototype)]) {
    t.is(shown(feigned), 'an object')
  }
})
