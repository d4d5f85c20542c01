import { constants } from 'node:buffer'
import test from 'ava'
import fc from 'fast-check'
import { MetricsError, type PrometheusOptions, walMetrics } from '#src/index.js'
import { textOf } from '#src/prometheus/text.js'
import { coded, goldenBytes, sourceOf } from './support.js'

const golden = sourceOf(goldenBytes)
const EVENTS = 'wal_recorder_manager_events_total'
const LABELS = 'log="orders",system="wal_recorder",subsystem="manager"'

test('each format says the same in its way', t => {
  const metrics = walMetrics(golden)
  const text = metrics.prometheus()
  t.true(text.includes(`# TYPE ${EVENTS} counter\n${EVENTS}{${LABELS}} 1000000\n`), text)
  t.true(text.includes('le="5.960464477539063e-08"'))
  t.is(metrics.prometheus({ format: 'text' }), text)
  const open = metrics.prometheus({ format: 'openmetrics' })
  t.true(open.includes(`# TYPE wal_recorder_manager_events counter\n${EVENTS}{${LABELS}} 1000000\n`), open)
  t.true(open.includes('# UNIT wal_recorder_manager_bytes bytes\n'))
  t.true(open.endsWith('\n# EOF\n'))
  const bytes = metrics.prometheus({ format: 'protobuf' })
  t.true(bytes instanceof Uint8Array)
  t.true(Buffer.from(bytes).includes(EVENTS))
  const legacy = metrics.prometheus({ legacyNames: true })
  t.true(legacy.includes('# TYPE mc_wal_segment_writer_open_new_segment_total_ns counter\n'), legacy)
  t.regex(legacy, /^mc_wal_segment_writer_open_new_segment_total_ns\{.*\} 192000$/m)
  t.false(legacy.includes('wal_recorder_'))
})

test('a text longer than a string can be is an error that says what to do', t => {
  // Memory that nobody stores to takes none.
  const scrape = Buffer.alloc(constants.MAX_STRING_LENGTH + 1)
  const error = t.throws(() => textOf(scrape), { instanceOf: MetricsError })
  t.is(error?.code, 'WAL_UNSUPPORTED')
  t.regex(error?.message ?? '', /of \d{9} bytes.*take format 'protobuf'/)
})

test('sources that are the same in all labels are told apart, for good', t => {
  const again = sourceOf(goldenBytes)
  const metrics = walMetrics(golden, again)
  const series = () => metrics.prometheus().match(new RegExp(`^${EVENTS}{.*`, 'gm'))
  const second = `${EVENTS}{log="orders",source="1",system="wal_recorder",subsystem="manager"} 1000000`
  t.deepEqual(series(), [`${EVENTS}{${LABELS}} 1000000`, second])
  metrics.remove(golden)
  t.deepEqual(series(), [second])
  metrics.add(golden)
  t.deepEqual(series(), [second, `${EVENTS}{${LABELS}} 1000000`], 'a new one goes on where that one ended')
})

test('a source that fails is counted, told, and fails no other', t => {
  const closed = sourceOf(() => {
    throw coded('WAL_CLOSED', 'this was\nclosed')
  })
  const damaged = sourceOf(() => goldenBytes().subarray(0, 100))
  const metrics = walMetrics(closed, golden, damaged)
  const text = metrics.prometheus()
  t.true(
    text.startsWith('# Metrics missing: source 0: this was closed\n# Metrics missing: source 2: the'),
    text,
  )
  t.true(text.includes('\nwal_telemetry_source_errors 2\n'))
  t.true(text.includes('\nwal_telemetry_sources 1\n'))
  t.true(text.includes(`\n${EVENTS}{${LABELS}} 1000000\n`))
  t.true(metrics.prometheus({ format: 'openmetrics' }).includes('\nwal_telemetry_source_errors 2\n'))
  t.true(metrics.prometheus({ legacyNames: true }).includes('\nmc_wal_telemetry_source_errors 2\n'))
})

test('options that do not exist, or do not go together, are refused with what there is', t => {
  const metrics = walMetrics(golden)
  const check = (options: unknown, message: RegExp) => {
    const error = t.throws(() => metrics.prometheus(options as PrometheusOptions), {
      instanceOf: MetricsError,
    })
    t.is(error?.code, 'WAL_UNSUPPORTED')
    t.is(error?.source, undefined)
    t.regex(error?.message ?? '', message)
  }
  check({ format: 'json' }, /got 'json' for format: it takes 'text' or 'openmetrics' or 'protobuf'/)
  check({ legacy: true }, /has no option legacy: it takes format, legacyNames/)
  check({ legacyNames: 'yes' }, /got 'yes' for legacyNames: it takes true or false/)
  check({ legacyNames: true, format: 'openmetrics' }, /legacyNames as 'text' only, not as 'openmetrics'/)
  check(null, /got null: it takes an object with format, legacyNames/)
  check([], /got \[\]: it takes an object with format, legacyNames/)
})

test('changed bytes give a scrape, and never anything else', t => {
  const bytes = goldenBytes()
  const change = fc.record({
    at: fc.oneof(fc.nat(47), fc.nat(15_999), fc.nat(bytes.length - 1)),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x22, 0x5c, 0x7f, 0x80, 0xff), fc.nat(255)),
  })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), changes => {
      const changed = bytes.slice()
      for (const { at, byte } of changes) changed[at] = byte
      const metrics = walMetrics(
        sourceOf(() => changed),
        golden,
      )
      t.true(metrics.prometheus().includes(`${EVENTS}{`))
      t.true(metrics.prometheus({ format: 'openmetrics' }).endsWith('# EOF\n'))
      t.true(metrics.prometheus({ format: 'protobuf' }).length > 1000)
      t.true(metrics.prometheus({ legacyNames: true }).length > 1000)
    }),
    { numRuns: 100 },
  )
})
