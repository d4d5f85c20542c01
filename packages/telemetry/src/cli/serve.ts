import { walMetrics } from '../wal-metrics.js'
import { EXIT_OK } from './failure.js'
import { Interruption } from './interruption.js'
import { print } from './output.js'
import { Pages } from './page.js'

/** What `serve` is asked for. */
export interface ServeOptions {
  readonly port: number
  readonly host: string
  readonly legacyNames: boolean
}

/** `serve`: pages for Prometheus, until it is interrupted. */
export async function serve(paths: readonly string[], options: ServeOptions): Promise<number> {
  using pages = new Pages(paths)
  using interruption = new Interruption()
  const server = await walMetrics(...pages.all.map(({ source }) => source)).serve(options)
  try {
    server.ref()
    await print(`${server.url}: Ctrl-C ends it`)
    await interruption.wait()
  } finally {
    await server.close()
  }
  return EXIT_OK
}
