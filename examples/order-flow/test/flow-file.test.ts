import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { readFlow, writeFlow } from '#src/flow-file.js'
import { generateFlow } from '#src/generator.js'

const folder = mkdtempSync(join(tmpdir(), 'flow-file-test-'))
test.after.always(() => rmSync(folder, { recursive: true }))

test('a flow is the same in another process', t => {
  const path = join(folder, 'flow')
  const flow = generateFlow(5000, 2)
  writeFlow(flow, path)
  const read = readFlow(path)
  t.is(read.length, flow.length)
  for (let i = 0; i < flow.length; i++) if (!read.isAt(i, flow.at(i))) t.fail(`message ${i} differs`)
  truncateSync(path, 5000)
  t.throws(() => readFlow(path), { message: /ends too early/ })
})
