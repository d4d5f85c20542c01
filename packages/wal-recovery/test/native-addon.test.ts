import test from 'ava'
import { loadAddon } from '#src/native-addon.js'

test('a missing binary is told with the platform, the way out and the package', async t => {
  const missing = { packageName: '@flashstrike/wal-recovery', loader: new URL('file:///nowhere/binding.js') }
  const error = await t.throwsAsync(loadAddon(missing), { code: 'WAL_UNSUPPORTED' })
  const platform = `${process.platform}-${process.arch}`
  t.regex(
    error?.message ?? '',
    new RegExp(`for ${platform}.*: build it with npm run build .*for @flashstrike/wal-recovery-${platform}`),
  )
  t.truthy(error?.cause)
})

test('a binary that is there is given back', async t => {
  const loader = new URL(`data:text/javascript,${encodeURIComponent('export const answer = 42')}`)
  const binding = await loadAddon<{ answer: number }>({ packageName: 'x', loader })
  t.is(binding.answer, 42)
})
