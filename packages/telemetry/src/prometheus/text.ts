import { MetricsError } from '../errors.js'

/**
 * A scrape as text.
 *
 * @throws MetricsError `WAL_UNSUPPORTED` if it is longer than a string can be
 */
export function textOf(scrape: Buffer): string {
  try {
    return scrape.toString()
  } catch (cause) {
    const message =
      `prometheus() would give a text of ${scrape.length} bytes, which no string holds: take format 'protobuf', which ` +
      'gives bytes, let serve() answer, or spread the sources over several walMetrics()'
    throw new MetricsError('WAL_UNSUPPORTED', message, undefined, { cause })
  }
}
