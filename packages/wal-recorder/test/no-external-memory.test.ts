import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'

/** Answers as Electron does for every addon that asks for memory outside of the heap. */
const NO_EXTERNAL_MEMORY = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

static int no_external_buffers_allowed(void) { return 22; }

void *dlsym(void *library, const char *name) {
  static void *(*found)(void *, const char *);
  if (!found) found = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
  if (!found) found = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.17");
  if (!found) found = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
  if (strcmp(name, "napi_create_external_arraybuffer") == 0) return no_external_buffers_allowed;
  return found(library, name);
}
`

const PROGRAM = `
import { Recorder } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
const told = ({ name, code, message }) => console.log(name + ' ' + code + ' ' + message)
const [, dir, there] = process.argv
await Recorder.open({ dir }).catch(told)
const log = await Recovery.open({ dir: there })
try { for (const event of log.replay()) console.log(event.text) } catch (error) { told(error) }
console.log((await log.verify()).events)
`

test('a runtime without external memory, as Electron is one, is refused before anything is made on disk', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'recorder-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const library = join(folder, 'runtime.so')
  await writeFile(join(folder, 'runtime.c'), NO_EXTERNAL_MEMORY)
  const compiled = spawnSync('cc', ['-shared', '-fPIC', '-o', library, join(folder, 'runtime.c')], {
    encoding: 'utf8',
  })
  if (process.platform !== 'linux' || compiled.status !== 0) {
    console.warn(`SKIPPED: no other runtime can be made here: ${compiled.error?.message ?? compiled.stderr}`)
    t.pass()
    return
  }
  const { Recorder } = await import('#src/index.js')
  const there = join(folder, 'there')
  const wal = await Recorder.open({ dir: there })
  wal.append('one')
  await wal.close()
  const dir = join(folder, 'log')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', PROGRAM, dir, there],
    {
      encoding: 'utf8',
      env: { ...process.env, LD_PRELOAD: library },
    },
  )
  const [recording, reading, verified] = stdout.split('\n')
  t.regex(
    recording ?? '',
    /^WalError WAL_UNSUPPORTED .*Electron.*run the recorder in a plain Node\.js process$/,
    stderr,
  )
  t.regex(reading ?? '', /^WalError WAL_UNSUPPORTED .*Electron.*read the log in a plain Node\.js process$/)
  t.is(verified, '1', 'what reads no events here goes on')
  t.false(existsSync(dir))
})
