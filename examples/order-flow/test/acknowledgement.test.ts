import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Acknowledgement } from '#src/acknowledgement.js'

const folder = mkdtempSync(join(tmpdir(), 'acknowledgement-test-'))
test.after.always(() => rmSync(folder, { recursive: true }))

test('what was acknowledged before a SIGKILL is there afterwards', async t => {
  const path = join(folder, 'acknowledged')
  const acknowledged = Acknowledgement.create(path)
  t.is(acknowledged.read(), 0)
  const module = new URL('../../dist/acknowledgement.js', import.meta.url).href
  const program = `
    import { Acknowledgement } from ${JSON.stringify(module)}
    const told = Acknowledgement.open(${JSON.stringify(path)})
    for (let id = 1; ; id++) { told.write(id); if (id === 5000) process.stdout.write('.') }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'close')
  const last = acknowledged.read()
  t.true(Number.isSafeInteger(last) && last >= 5000, String(last))
  acknowledged.close()
})
