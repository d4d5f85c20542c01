/** The pages that a command was given. */
import type { Heading } from '../activity/heading.js'
import { type PageState, TelemetryPage } from '../page.js'
import type { SourceSnapshot } from '../snapshot.js'
import { type WalMetrics, walMetrics } from '../wal-metrics.js'

/** What a page holds at a moment. */
export interface Look extends Heading {
  readonly snapshot: SourceSnapshot
  readonly state: PageState
}

/** A page of another process. */
export class Page {
  readonly path: string
  readonly source: TelemetryPage
  readonly #metrics: WalMetrics

  constructor(path: string) {
    this.path = path
    this.source = TelemetryPage.attach(path)
    this.#metrics = walMetrics(this.source)
  }

  /** Everything it holds, for people. */
  dump(): string {
    return this.#metrics.dump()
  }

  /** Whether its numbers still change; those of one that cannot be read do not. */
  get isLive(): boolean {
    try {
      return this.look().isLive
    } catch {
      return false
    }
  }

  /** @throws MetricsError if it cannot be read any more */
  look(): Look {
    const { sources, errors } = this.#metrics.snapshot()
    const [snapshot] = sources
    if (snapshot === undefined) throw errors[0]
    const { state } = this.source
    const labels = Object.entries(snapshot.labels).map(([name, value]) =>
      name === 'log' ? value : `${name}=${value}`,
    )
    const system = snapshot.metrics[0]?.attributes['system'] ?? ''
    return {
      snapshot,
      title: [...labels, system.replace('wal_', '')].join(' · '),
      state,
      told: TOLD[state](snapshot.processId),
      isLive: state === 'live',
    }
  }
}

const TOLD: Readonly<Record<PageState, (process: number) => string>> = {
  live: process => `live, process ${process}`,
  closed: process => `closed by process ${process}`,
  dead: process => `process ${process} is dead, these are its last values`,
}

/** All of them, given back at the end. */
export class Pages {
  readonly all: readonly Page[]

  /** @throws MetricsError for the first one that is none */
  constructor(paths: readonly string[]) {
    this.all = paths.map(path => new Page(path))
  }

  [Symbol.dispose](): void {
    for (const { source } of this.all) source.close()
  }
}
