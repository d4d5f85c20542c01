import type { ExecutionContext } from 'ava'
import type { SourceSnapshot } from '#src/index.js'
import { expectedSamples, foundSamples, type Histograms } from './expected-samples.js'
import type { Prometheus } from './prometheus-process.js'

/** What a job of a real Prometheus finds is what these sources hold, number by number, and nothing else. */
export async function checkSamples(
  t: ExecutionContext,
  prometheus: Prometheus,
  job: string,
  sources: readonly SourceSnapshot[],
  histograms: Histograms,
): Promise<void> {
  const numbered = sources.map(snapshot => ({ snapshot }))
  const expected = expectedSamples(numbered, histograms)
    .set('["wal_telemetry_sources",[]]', sources.length)
    .set('["wal_telemetry_source_errors",[]]', 0)
  t.true(expected.size > 50, `${expected.size} series`)
  const found = await prometheus.until(`{job="${job}"}`, found => foundSamples(found).size >= expected.size)
  t.deepEqual(sorted(foundSamples(found)), sorted(expected), job)
}

function sorted(samples: ReadonlyMap<string, unknown>): [string, unknown][] {
  return Array.from(samples).sort(([a], [b]) => (a < b ? -1 : 1))
}
