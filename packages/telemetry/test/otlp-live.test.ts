/** Logs that are written, read, closed and opened anew, as they arrive at a receiver of OTLP. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Recorder } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import test from 'ava'
import { type MetricProducer, walMetrics } from '#src/index.js'
import { startReceiver } from './otlp-receiver.js'
import { checkReceived, expectedPoints, ofLog, pointOf } from './received-series.js'
import { sdkVersions } from './sdks.js'

const EVENTS = 'wal.recorder.manager.events'
const READ = 'wal.recovery.manager.events'

for (const { version, sdk, exporter } of sdkVersions()) {
  test.serial(`SDK ${version} sends a log that was opened anew in the series of the one before`, async t => {
    const home = mkdtempSync(join(tmpdir(), 'flashstrike-otlp-'))
    t.teardown(() => rmSync(home, { recursive: true, force: true }))
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())

    const dir = join(home, 'orders')
    // Closed before it is compared, so that nothing moves meanwhile; a closed one goes on saying what it held.
    const recorded = async (events: number) => {
      const wal = await Recorder.open({ dir })
      for (let i = 0; i < events; i += 1) wal.append(`event ${i}`)
      await wal.durable()
      await wal.close()
      return wal
    }
    const first = await recorded(100)
    const log = await Recovery.open({ dir })
    t.is([...log.replay()].length, 100)
    await log.close()

    const metrics = walMetrics(first, log)
    const readerOf = (producer: MetricProducer) =>
      new sdk.PeriodicExportingMetricReader({
        exporter: exporter('proto', receiver.httpUrl),
        exportIntervalMillis: 2 ** 31 - 1,
        metricProducers: [producer],
      })
    const readers = [readerOf(metrics), readerOf(metrics.producer({ temporality: 'delta' }))] as const
    const provider = new sdk.MeterProvider({ readers: [...readers] })
    t.teardown(() => provider.shutdown())
    const exported = async (reader: (typeof readers)[number]) => {
      await reader.forceFlush()
      return ofLog(await receiver.next()).metrics
    }

    const before = await exported(readers[0])
    checkReceived(t, before, expectedPoints(metrics.snapshot().sources))
    const deltaBefore = await exported(readers[1])
    t.is(pointOf(deltaBefore, EVENTS).value, 100)
    t.is(pointOf(deltaBefore, READ).value, 100)

    t.true(metrics.remove(first))
    metrics.add(await recorded(7))
    const after = await exported(readers[0])
    checkReceived(t, after, expectedPoints(metrics.snapshot().sources))
    t.is(pointOf(after, EVENTS).value, 7)
    t.true(pointOf(after, EVENTS).start > pointOf(before, EVENTS).start, 'it counts anew')
    const deltaAfter = await exported(readers[1])
    t.is(pointOf(deltaAfter, EVENTS).value, 7)
    t.is(pointOf(deltaAfter, READ).value, 0, 'nothing was read since')
  })
}
