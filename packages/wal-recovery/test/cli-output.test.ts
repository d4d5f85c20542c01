/** What becomes of output that nobody can have. */
import { existsSync } from 'node:fs'
import test from 'ava'
import { shell } from './command-line.js'

const FULL = '/dev/full'
const testOfFull = existsSync(FULL) ? test : test.skip

testOfFull('output that cannot be written is an error, and no damage to the log', async t => {
  for (const args of ['--help', 'verify --help', 'completion bash']) {
    const { code, stderr } = await shell(`wal ${args} > ${FULL}`)
    t.is(code, 2, args)
    t.regex(stderr, /^error: .*ENOSPC/, args)
    t.false(stderr.includes('    at '), 'no stack')
  }
})

testOfFull('where not even an error can be told, the exit code tells it', async t => {
  const { code } = await shell(`wal verify /nowhere 2> ${FULL}`)
  t.is(code, 2)
})
