import { spawnSync } from 'node:child_process'
import { cp, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { temporaryDirectory } from './support.js'

const home = fileURLToPath(new URL('../../', import.meta.url))

test('importing it without an addon throws an error that names the platform, the package and the way out', async t => {
  const folder = temporaryDirectory(t)
  await cp(join(home, 'dist'), join(folder, 'dist'), { recursive: true })
  await symlink(join(home, 'node_modules'), join(folder, 'node_modules'), 'junction')
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  const program = `
    try { await import('./dist/index.js') }
    catch ({ name, code, message }) { console.log(JSON.stringify({ name, code, message })) }`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    encoding: 'utf8',
  })
  const error = JSON.parse(stdout) as { name: string; code: string; message: string }
  t.is(error.name, 'AddonMissingError')
  t.is(error.code, 'WAL_UNSUPPORTED')
  t.regex(
    error.message,
    new RegExp(`@flashstrike/telemetry-${process.platform}-${process.arch}\\S* [0-9.]+ is not installed`),
  )
  t.regex(error.message, /npm install --include=optional/)
})

test('a program that is no ES module has it with require, where its Node knows how', t => {
  // Node 20.19 and 22.12 on; the older ones give such programs `import()` alone.
  if (process.features.require_module !== true) {
    t.pass()
    return
  }
  const { walMetrics } = createRequire(import.meta.url)('@flashstrike/telemetry') as {
    walMetrics(): { dump(): string }
  }
  t.is(walMetrics().dump(), '')
})
