import test from 'ava'
import type { PrometheusFormat } from '#src/index.js'
import { formatFor, takesGzip } from '#src/prometheus/negotiation.js'

const open = 'application/openmetrics-text'
const protobuf = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

test('a scrape has the format that the request prefers', t => {
  const check = (accept: string | undefined, format: PrometheusFormat) =>
    t.is(formatFor(accept), format, accept)
  check(undefined, 'text')
  check('', 'text')
  check('*/*', 'text')
  check('text/plain', 'text')
  check('text/plain;version=0.0.4', 'text')
  check(open, 'openmetrics')
  check(`${open};version=1.0.0`, 'openmetrics')
  check(`${open}; version="1.0.0"; charset=utf-8, */*;q=0.1`, 'text')
  check(`${open};version=0.0.1`, 'text')
  check(`${open};version=1.0.0;q=0.4,text/plain;q=0.5`, 'text')
  check(`${open};version=1.0.0;q=0,*/*;q=0.1`, 'text')
  check(protobuf, 'protobuf')
  check(protobuf.replaceAll(';', '; '), 'protobuf')
  check(`${protobuf};q=0.1`, 'protobuf')
  check('application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text', 'text')
  check('application/json', 'text')
  check('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text')
  check('";;;,q=,,=/x/;q=NaN', 'text')
})

test('what Prometheus sends gets what it wants', t => {
  const check = (accept: string, format: PrometheusFormat) => t.is(formatFor(accept), format, accept)
  // 2.42, without native histograms and with them.
  const classic = `${open};version=1.0.0,${open};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`
  check(classic, 'openmetrics')
  check(
    `${protobuf},${open};version=1.0.0;q=0.8,${open};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
    'protobuf',
  )
  // 3, which also says how names are to be escaped.
  check(
    `${open};version=1.0.0;escaping=allow-utf-8;q=0.6,${open};version=0.0.1;q=0.5,` +
      'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'openmetrics',
  )
  check(
    `${protobuf};escaping=allow-utf-8;q=0.7,${open};version=1.0.0;escaping="allow-utf-8";q=0.6,*/*;q=0.2`,
    'protobuf',
  )
})

test('gzip is for those who want it', t => {
  t.true(takesGzip('gzip'))
  t.true(takesGzip('deflate, gzip;q=0.9, br'))
  t.true(takesGzip('*'))
  t.false(takesGzip(undefined))
  t.false(takesGzip(''))
  t.false(takesGzip('identity'))
  t.false(takesGzip('gzip;q=0'))
  t.false(takesGzip('br'))
})
