import Negotiator from 'negotiator'
import { FORMATS, type PrometheusFormat } from './format.js'

/** What a request may ask for, in the order of {@link FORMATS}: where all are equally welcome, the first one is given. */
const MEDIA_TYPES = [
  'text/plain;version=0.0.4',
  'application/openmetrics-text;version=1.0.0',
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
]

/** How names are to be escaped, which says nothing here: every name is one that every reader takes. */
const ESCAPING = /;\s*escaping\s*=\s*("[^"]*"|[^;,]*)/gi

/** The format that a request's header `Accept` prefers; classic text where it has none that there is. */
export function formatFor(accept: string | undefined): PrometheusFormat {
  const negotiator = new Negotiator({ headers: { accept: accept?.replace(ESCAPING, '') } })
  const [preferred = ''] = negotiator.mediaTypes(MEDIA_TYPES)
  return FORMATS[MEDIA_TYPES.indexOf(preferred)] ?? 'text'
}

/** Whether a request's header `Accept-Encoding` takes gzip, and no less gladly than nothing. */
export function takesGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false
  const negotiator = new Negotiator({ headers: { 'accept-encoding': acceptEncoding } })
  return negotiator.encodings(['gzip', 'identity'])[0] === 'gzip'
}
