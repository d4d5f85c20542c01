import { check, type Rule, unsupported } from '../options.js'
import { FORMATS, type PrometheusFormat } from './format.js'

/** Options of `prometheus`. */
export interface PrometheusOptions {
  /**
   * How the metrics are written.
   * @default 'text'
   */
  readonly format?: PrometheusFormat | undefined
  /**
   * Writes the flat names of the original (`mc_wal_segment_writer_open_new_segment_total_ns` …) in classic text, without
   * histograms. It goes with no other format.
   * @default false
   */
  readonly legacyNames?: boolean | undefined
}

/** Options of `serve`. */
export interface ServeOptions {
  /** Port to listen on, 0 … 65535; 0 takes one that is free. */
  readonly port: number
  /**
   * Address to listen on. Whoever reaches it reads the metrics: there is no password. The default is reached from this
   * machine alone.
   * @default '127.0.0.1'
   */
  readonly host?: string | undefined
  /**
   * Path of the metrics.
   * @default '/metrics'
   */
  readonly path?: string | undefined
  /**
   * Serves the flat names of the original, in classic text whatever a request asks for.
   * @default false
   */
  readonly legacyNames?: boolean | undefined
}

/** Where `serve` tells that it is alive. */
export const HEALTHY = '/-/healthy'

const flag: Rule = { takes: 'true or false', accepts: value => typeof value === 'boolean' }

const PROMETHEUS: Record<keyof PrometheusOptions, Rule> = {
  format: {
    takes: FORMATS.map(format => `'${format}'`).join(' or '),
    accepts: value => (FORMATS as readonly unknown[]).includes(value),
  },
  legacyNames: flag,
}

/** What a client would ask for in another form, escaped or with its dots resolved, would never be found. */
function standsInUrls(path: string): boolean {
  return path.startsWith('/') && new URL(`http://x${path}`).pathname === path
}

const SERVE: Record<keyof ServeOptions, Rule> = {
  port: {
    takes: 'a whole number from 0 to 65535',
    accepts: value => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535,
  },
  host: {
    takes: 'an address or a host name',
    // What stands behind a character 0 would not be looked at.
    accepts: value => typeof value === 'string' && value !== '' && !value.includes('\0'),
  },
  path: {
    takes: `a path that begins with / and stands in a URL as it is, without ? or # or blanks, and not ${HEALTHY}`,
    accepts: value => typeof value === 'string' && standsInUrls(value) && value !== HEALTHY,
  },
  legacyNames: flag,
}

/** @throws MetricsError `WAL_UNSUPPORTED` for options that do not exist, are of another type or do not go together */
export function checkPrometheusOptions(options: PrometheusOptions): void {
  check('prometheus()', options, PROMETHEUS)
  const { format = 'text', legacyNames } = options
  if (legacyNames === true && format !== 'text') {
    throw unsupported(`prometheus() writes legacyNames as 'text' only, not as '${format}': leave format out`)
  }
}

/** @throws MetricsError `WAL_UNSUPPORTED` for options that do not exist or are of another type */
export function checkServeOptions(options: ServeOptions): void {
  check('serve()', options, SERVE)
  if (options.port === undefined) throw unsupported(`serve() needs a port: ${SERVE.port.takes}`)
}
