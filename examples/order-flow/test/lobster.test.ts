import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { InputError } from '#src/input-error.js'
import { readLobster } from '#src/lobster.js'

const folder = mkdtempSync(join(tmpdir(), 'lobster-test-'))
test.after.always(() => rmSync(folder, { recursive: true }))
let files = 0

function file(text: string): string {
  const path = join(folder, `${files++}.csv`)
  writeFileSync(path, text)
  return path
}

const good = '34200.017459617,1,11885113,21,2238100,1\n34200.18,3,11885113,21,2238100,-1\n'

test('messages are read exactly, to the nanosecond', async t => {
  const flow = await readLobster(file(good))
  t.is(flow.length, 2)
  t.deepEqual(flow.at(0), {
    timeNs: 34_200_017_459_617,
    type: 1,
    orderId: 11_885_113,
    size: 21,
    price: 2_238_100,
    side: 1,
  })
  t.is(flow.at(1).timeNs, 34_200_180_000_000)
  t.is(flow.at(1).side, -1)
})

test('headings, empty lines, blanks, a mark of byte order and DOS line ends are no messages', async t => {
  const text = `\ufeffTime,Type,OrderId,Size,Price,Direction\r\n\r\n 34200 , 1, 2, 3, 4, 1 \r\n`
  const flow = await readLobster(file(text))
  t.is(flow.length, 1)
  t.is(flow.at(0).timeNs, 34_200e9)
})

test('no more messages are read than asked for', async t => {
  t.is((await readLobster(file(`${good}nonsense\n`), 2)).length, 2)
})

const malformed: ReadonlyArray<[what: string, row: string, message: RegExp]> = [
  ['a time that is none', 'noon,1,2,3,4,1', /line 3, column 1 \(time\): "noon" is no time/],
  ['a negative time', '-1,1,2,3,4,1', /line 3, column 1 \(time\)/],
  ['an unknown type', '34200,8,2,3,4,1', /line 3, column 2 \(type\): "8" is no whole number from 1 to 7/],
  ['an empty id', '34200,1,,3,4,1', /line 3, column 3 \(order id\): ""/],
  ['half a share', '34200,1,2,3.5,4,1', /line 3, column 4 \(size\): "3\.5"/],
  ['a price in words', '34200,1,2,3,cheap,1', /line 3, column 5 \(price\): "cheap"/],
  ['no direction', '34200,1,2,3,4,0', /line 3, column 6 \(direction\): "0" is neither/],
  ['a column too few', '34200,1,2,3,4', /line 3 has 5 columns; a LOBSTER message has 6 columns: time, type,/],
  ['a column too many', '34200,1,2,3,4,1,9', /line 3, column 7 \(surplus\): "9" is one column too many/],
  ['a quotation mark that is not closed', '34200,1,2,3,"4,1', /line 3.*[Qq]uot.*a LOBSTER message has 6/],
]
for (const [what, row, message] of malformed) {
  test(`told with line and column: ${what}`, async t => {
    const error = await t.throwsAsync(readLobster(file(`${good}${row}\n`)), { instanceOf: InputError })
    t.regex(error?.message ?? '', message)
    t.notRegex(error?.message ?? '', /\n/)
  })
}

test('a file that is not there, a directory, an empty file', async t => {
  await t.throwsAsync(readLobster(join(folder, 'none.csv')), {
    instanceOf: InputError,
    message: /cannot be read: ENOENT/,
  })
  await t.throwsAsync(readLobster(folder), { instanceOf: InputError, message: /cannot be read: EISDIR/ })
  await t.throwsAsync(readLobster(file('')), { instanceOf: InputError, message: /no messages/ })
})
