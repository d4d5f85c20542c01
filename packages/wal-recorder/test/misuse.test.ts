import { inspect } from 'node:util'
import { Recovery } from '@flashstrike/wal-recovery'
import { WalError } from '@flashstrike/wal-recovery/errors'
import { defineEvent, u8 } from '@flashstrike/wal-recovery/schema'
import test from 'ava'
import { eventAppender } from '#src/event-appender.js'
import { layoutOf } from '#src/event-layout.js'
import type { RecorderOptions } from '#src/options.js'
import { Recorder } from '#src/recorder.js'
import { Staging } from '#src/staging.js'
import { FakeNative } from './fake-native.js'
import { openBytes, openWith, Small } from './fake-recorder.js'

const Empty = defineEvent('Empty', {})
const AREA_BYTES = 64

const small = (lastId = 0) => openWith({ dir: 'log', event: Small }, AREA_BYTES, lastId).wal
const bytes = (lastId = 0) => openBytes(AREA_BYTES, lastId).wal
function transferred(): Uint8Array {
  const data = new Uint8Array(8)
  structuredClone(data.buffer, { transfer: [data.buffer] })
  return data
}
/** Options as a program without types gives them. */
const options = (given: unknown) => openWith(given as RecorderOptions, AREA_BYTES).wal

const refused: ReadonlyArray<[what: string, use: () => unknown, code: string, message: RegExp]> = [
  [
    'no options',
    () => options(undefined),
    'WAL_UNSUPPORTED',
    /Recorder\.open got undefined: it takes .*dir, event/,
  ],
  [
    'a recorder that is made and not opened',
    () => Reflect.construct(Recorder, [{ dir: 'x' }]),
    'WAL_UNSUPPORTED',
    /new Recorder\(\) opens nothing: it takes await Recorder\.open\(\{ dir \}\)/,
  ],
  [
    'a recovery that is made and not opened',
    () => Reflect.construct(Recovery, []),
    'WAL_UNSUPPORTED',
    /new Recovery\(\) opens nothing: it takes await Recovery\.open/,
  ],
  ['no directory', () => options({}), 'WAL_UNSUPPORTED', /dir is undefined: it takes the path/],
  ...[5, new URL('file:///tmp/log'), Buffer.from('log'), '', 'a\0b'].map(
    dir =>
      [
        `${JSON.stringify(dir)} as the directory`,
        () => options({ dir }),
        'WAL_UNSUPPORTED',
        /^[^\0]*dir is (?:5|a URL|3 bytes|""|"a\\u0000b"): it takes the path of the log's directory as text/,
      ] as const satisfies (typeof refused)[number],
  ),
  ...(
    [
      ['blockBytes', 1, 'a number of bytes, 64 … 1 048 576'],
      ['segmentBytes', 5000, 'a number of bytes, a multiple of 4 096, at most 2 147 483 648'],
      ['segmentBytes', 0, 'a number of bytes, a multiple of 4 096, at most 2 147 483 648'],
      ['preparedSegments', 65, 'a number of segments, 1 … 64'],
      ['syncIntervalMs', 0, 'a number of milliseconds, 1 … 4 294 967 295'],
      ['syncBytes', 0, 'a number of bytes, 1 … 4 294 967 295'],
      ['spinUs', 1001, 'a number of microseconds, 0 … 1 000'],
      ['fileMode', 0o400, 'permission bits, 0o600 … 0o777'],
      ['fileMode', 0o1600, 'permission bits, 0o600 … 0o777'],
    ] as const
  ).map(
    ([name, value, takes]) =>
      [
        `${name} of ${value}`,
        () => options({ dir: 'x', [name]: value }),
        'WAL_UNSUPPORTED',
        new RegExp(`Recorder\\.open: ${name} is ${value}: it takes ${takes}$`),
      ] as const satisfies (typeof refused)[number],
  ),
  [
    'a number as a text',
    () => options({ dir: 'x', blockBytes: '8192' }),
    'WAL_UNSUPPORTED',
    /blockBytes is "8192": it takes a number of bytes, 64/,
  ],
  [
    'a flag as a number',
    () => options({ dir: 'x', smallSyncs: 1 }),
    'WAL_UNSUPPORTED',
    /smallSyncs is 1: .*true or false/,
  ],
  [
    'a promise of limits, which would be none',
    () => small().setRetention(Promise.resolve({ hotSegments: 1 }) as never),
    'WAL_UNSUPPORTED',
    /setRetention got a promise: it takes an object with hotSegments/,
  ],
  [
    'a number without end, with the range that the option has',
    () => options({ dir: 'x', spinUs: Number.POSITIVE_INFINITY }),
    'WAL_UNSUPPORTED',
    /spinUs is Infinity: it takes a number of microseconds, 0 … 1 000/,
  ],
  [
    'more than the addon could take',
    () => options({ dir: 'x', segmentBytes: 2 ** 40 }),
    'WAL_UNSUPPORTED',
    /segmentBytes is 1099511627776: it takes .* a multiple of 4 096, at most 2 147 483 648/,
  ],
  [
    'a limit beyond every whole number',
    () => small().setRetention({ ageMs: 1e308 }),
    'WAL_UNSUPPORTED',
    /ageMs is 1e\+308: it takes a number of milliseconds, 1 or more/,
  ],
  [
    'half a segment',
    () => options({ dir: 'x', preparedSegments: 1.5 }),
    'WAL_UNSUPPORTED',
    /preparedSegments is 1.5: it takes a number of segments, 1 … 64/,
  ],
  ['NaN', () => options({ dir: 'x', spinUs: Number.NaN }), 'WAL_UNSUPPORTED', /spinUs is NaN/],
  ['null', () => options({ dir: 'x', syncBytes: null }), 'WAL_UNSUPPORTED', /syncBytes is null/],
  [
    'an option that is misspelt',
    () => options({ dir: 'x', segmentByte: 4096 }),
    'WAL_UNSUPPORTED',
    /has no option segmentByte: did you mean segmentBytes\?/,
  ],
  [
    'an option that nothing is like',
    () => options({ dir: 'x', retry: 1 }),
    'WAL_UNSUPPORTED',
    /retry: there are dir, event/,
  ],
  [
    'a single file system',
    () => options({ dir: 'x', allowFileSystem: 'nfs' }),
    'WAL_UNSUPPORTED',
    /is "nfs": .*\['nfs'\]/,
  ],
  [
    'a mode for reading',
    () => options({ dir: 'x', mode: 'diagnostic' }),
    'WAL_UNSUPPORTED',
    /"diagnostic": .*'strict'/,
  ],
  [
    'fields as an event type',
    () => options({ dir: 'x', event: { price: u8 } }),
    'WAL_SCHEMA',
    /event is an object with price: it takes an event type, which defineEvent/,
  ],
  ['null as an event type', () => options({ dir: 'x', event: null }), 'WAL_SCHEMA', /event is null/],
  [
    'null as an event',
    () => small().append(null as never),
    'WAL_SCHEMA',
    /event is null: Small takes an object with a/,
  ],
  [
    'a number as an event',
    () => small().append(5 as never),
    'WAL_SCHEMA',
    /the event is 5: Small takes an object with a/,
  ],
  [
    'a text as an event',
    () => small().append('hello' as never, { id: 5 }),
    'WAL_SCHEMA',
    /the event is "hello": Small takes an object/,
  ],
  ['an array as an event', () => small().append([1] as never), 'WAL_SCHEMA', /the event is an array: Small/],
  [
    'bytes as an event',
    () => small().append(new Uint8Array(3) as never),
    'WAL_SCHEMA',
    /the event is 3 bytes: Small/,
  ],
  ['a number in a batch', () => small().appendBatch([7 as never]), 'WAL_SCHEMA', /the event is 7: Small/],
  ['an event without a field', () => small().append({} as never), 'WAL_SCHEMA', /Small\.a is undefined/],
  ['no event', () => small().append(undefined as never, { id: 5 }), 'WAL_SCHEMA', /event is undefined/],
  ['null in a batch', () => small().appendBatch([null as never]), 'WAL_SCHEMA', /event is null/],
  [
    'null as an event without fields',
    () => openWith({ dir: 'x', event: Empty }, AREA_BYTES).wal.append(null as never),
    'WAL_SCHEMA',
    /null/,
  ],
  [
    'a bare id',
    () => small().append({ a: 1 }, 50 as never),
    'WAL_EVENT_ID',
    /second argument .* is 50: .*\{ id: 50 \}/,
  ],
  [
    'null for options',
    () => small().append({ a: 1 }, null as never),
    'WAL_EVENT_ID',
    /second argument .* is null/,
  ],
  [
    'a misspelt id',
    () => small().append({ a: 1 }, { Id: 99 } as never),
    'WAL_UNSUPPORTED',
    /append has no option Id: .*id/,
  ],
  [
    'an id in a log of bytes',
    () => bytes().append('a', { id: 50 } as never),
    'WAL_EVENT_ID',
    /id 50: .*without an id/,
  ],
  [
    'a bare id in a log of bytes',
    () => bytes().append('a', 50 as never),
    'WAL_EVENT_ID',
    /id 50: .*without an id/,
  ],
  ['null in a log of bytes', () => bytes().append('a', null as never), 'WAL_EVENT_ID', /id null/],
  [
    'a number as bytes',
    () => bytes().append(5 as never),
    'WAL_SCHEMA',
    /the event is 5: a log of bytes takes/,
  ],
  [
    'an object as bytes',
    () => bytes().append({ a: 1 } as never),
    'WAL_SCHEMA',
    /the event is an object: a log/,
  ],
  [
    'null in a batch of bytes',
    () => bytes().appendBatch(['a', null as never]),
    'WAL_SCHEMA',
    /event is null/,
  ],
  [
    'bytes that were transferred elsewhere',
    () => bytes().append(transferred()),
    'WAL_SCHEMA',
    /the event is bytes whose buffer was transferred/,
  ],
  [
    'transferred bytes in a batch',
    () => bytes().appendBatch(['a', transferred()]),
    'WAL_SCHEMA',
    /the event is bytes whose buffer was transferred/,
  ],
  ['a text as a batch', () => bytes().appendBatch('abc' as never), 'WAL_SCHEMA', /appendBatch got "abc"/],
  [
    'bytes as a batch',
    () => bytes().appendBatch(new Uint8Array(3) as never),
    'WAL_SCHEMA',
    /appendBatch got 3 bytes/,
  ],
  ['null as a batch', () => bytes().appendBatch(null as never), 'WAL_SCHEMA', /appendBatch got null/],
  [
    'a time that is NaN',
    () => small().drainSync(Number.NaN),
    'WAL_UNSUPPORTED',
    /drainSync: timeoutMs is NaN/,
  ],
  [
    'a time as a text',
    () => small().drainSync('5' as never),
    'WAL_UNSUPPORTED',
    /timeoutMs is "5": it takes a number/,
  ],
  ['a signal that is none', () => small().drain({ signal: 5 as never }), 'WAL_UNSUPPORTED', /signal is 5/],
  ['an id as a text', () => small(1).durable('1' as never), 'WAL_EVENT_ID', /the id is "1"/],
  ['an id that is NaN', () => small(1).durable(Number.NaN), 'WAL_EVENT_ID', /the id is NaN/],
  ['an id below 0', () => small(1).durable(-1), 'WAL_EVENT_ID', /the id is -1/],
  ['null as an id', () => small(1).durable(null as never), 'WAL_EVENT_ID', /the id is null/],
]
for (const [what, use, code, message] of refused) {
  test(`refused by name, with what belongs there: ${what}`, async t => {
    await t.throwsAsync(async () => void (await use()), { code, message, instanceOf: WalError })
  })
}

test('an option that is undefined is not given', t => {
  t.notThrows(() => options({ dir: 'x', event: undefined, blockBytes: undefined }))
})

test('what a getter of the event throws is thrown as it is', t => {
  const event = {
    get a(): number {
      throw new TypeError('mine')
    },
  }
  const wal = small()
  t.throws(() => wal.append(event), { instanceOf: TypeError, message: 'mine' })
  t.is(wal.append({ a: 1 }), 1)
})

test('where code from strings is forbidden the same is refused', t => {
  const native = new FakeNative({ dir: 'x', schema: '{"size":16}' }, () => {}, 64)
  const { append } = eventAppender<typeof Small.types>(layoutOf(Small), new Staging(native), false)
  t.throws(() => append(null as never), { code: 'WAL_SCHEMA', message: /event is null/ })
  t.throws(() => append(5 as never), { code: 'WAL_SCHEMA', message: /event is 5: Small/ })
  t.throws(() => append({ a: 1 }, 50 as never), { code: 'WAL_EVENT_ID', message: /is 50/ })
  t.is(append({ a: 1 }, { id: 50 }), 50)
})

test('bytes that are refused leave the log as it was', t => {
  const wal = bytes()
  t.is(wal.append('a'), 1)
  t.throws(() => wal.append(transferred()), { code: 'WAL_SCHEMA' })
  t.throws(() => wal.appendBatch(['b', transferred()]), { code: 'WAL_SCHEMA' })
  t.is(wal.append(new Uint8Array(0)), 2)
})

test('an error names the event that was refused', t => {
  const wal = small(7)
  t.like(
    t.throws(() => wal.append({ a: 1 }, { id: 3 })),
    { code: 'WAL_EVENT_ID', eventId: 3 },
  )
  t.like(
    t.throws(() => wal.durableSync(9)),
    { code: 'WAL_EVENT_ID', eventId: 9 },
  )
  t.like(
    t.throws(() => bytes().append('a', { id: 50 } as never)),
    { code: 'WAL_EVENT_ID', eventId: 50 },
  )
  const error = t.throws<WalError>(() => wal.append({ a: 1 }, { id: 1.5 }))
  t.is(error?.eventId, undefined)
})

test('no events are no batch, but use after close', async t => {
  const wal = small(4)
  t.is(wal.appendBatch([]), 4)
  await wal.close()
  t.throws(() => wal.appendBatch([]), { code: 'WAL_CLOSED' })
})

test('a recorder is printed as its directory, its state and how far it is', async t => {
  const wal = small(4)
  wal.append({ a: 1 })
  const shown = (state: string, written: number, durable: number) =>
    `Recorder { dir: 'log', state: '${state}', lastEventId: 5, writtenEventId: ${written}, durableEventId: ${durable} }`
  t.is(inspect(wal, { breakLength: Number.POSITIVE_INFINITY }), shown('open', 4, 0))
  await wal.close()
  t.is(inspect(wal, { breakLength: Number.POSITIVE_INFINITY }), shown('closed', 5, 5))
})
