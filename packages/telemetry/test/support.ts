import { once } from 'node:events'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { metricsSymbol } from '#src/index.js'

/** The bytes of a recorder as version 1 of the protocol writes them, a label `log` = `orders` included. */
export function goldenBytes(): Uint8Array {
  // From test/dist, where the tests run.
  return new Uint8Array(
    readFileSync(new URL('../../../../crates/telemetry/tests/golden/recorder-v1.bin', import.meta.url)),
  )
}

/** A source that gives what `read` returns. */
export function sourceOf(read: () => unknown): object {
  return { [metricsSymbol]: read }
}

/** An error with a code, as the log's packages throw them. */
export function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

/** What a source gives. */
export function bytesFrom(source: object): Uint8Array {
  return (source as { [metricsSymbol](): Uint8Array })[metricsSymbol]()
}

/** A directory that goes with its test; in `parent` if that is named. */
export function temporaryDirectory(t: ExecutionContext, parent = tmpdir()): string {
  const made = realpathSync(mkdtempSync(join(parent, 'flashstrike-telemetry-')))
  t.teardown(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** File systems that pages lie on in tests, so that these run where there is no memory to put files in. */
export const ANYWHERE: readonly string[] = ['ext4', 'xfs', 'overlay', 'btrfs']

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}
