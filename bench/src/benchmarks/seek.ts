import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { gib, native, node, onLogs, valueAtMost } from './entrants.js'

const UNCOMPRESSED = 'uncompressed'
const FROM_RUST = 'from Rust'
const KINDS = [
  ['hot', UNCOMPRESSED],
  ['cold', 'compressed'],
] as const
const LANGUAGES = [
  ['rust', FROM_RUST],
  ['js', 'from JavaScript'],
] as const
const SOUGHT: Readonly<Record<string, string>> = {
  id: 'to an id',
  time: 'to a time',
  touch: 'the first in a segment',
}

function rowTitle(what: string, state: string, where: string, percentile: string): string {
  return `${SOUGHT[what]}, ${state}, ${where}, ${percentile.toLowerCase()}`
}

/** What the same takes where there is no log. */
function withoutLog(what: string, percentile: string) {
  return what === 'touch'
    ? { figure: 'fileP50Us', title: 'reading it by `pread` of 1 MiB, p50' }
    : {
        figure: `${percentile.toLowerCase()}Us`,
        title: `a binary search by \`pread\`, ${percentile.toLowerCase()}`,
      }
}

export function seek({ largeLogBytes: bytes, seeks }: Sizes): Benchmark {
  const entrants = LANGUAGES.flatMap(([language]) =>
    KINDS.map(([kind]) => {
      const contest = { contest: 'seek', bytes, cold: kind === 'cold', seeks }
      return [`${kind}-${language}`, onLogs(language === 'js' ? node(contest) : native(contest))] as const
    }),
  )
  const figures = KINDS.flatMap(([kind, state]) =>
    LANGUAGES.flatMap(([language, where]) => {
      const figure = (what: string, percentile: string): Figure => {
        const value = { figure: `${what}${percentile}Us` }
        return {
          name: `b10.${kind}-${language}-${what}-${percentile.toLowerCase()}`,
          title: rowTitle(what, state, where, percentile),
          unit: 'µs',
          value: { ...value, contestant: `${kind}-${language}` },
          reference:
            language === 'js'
              ? { ...value, contestant: `${kind}-rust`, title: rowTitle(what, state, FROM_RUST, percentile) }
              : kind === 'cold'
                ? { ...value, contestant: 'hot-rust', title: rowTitle(what, UNCOMPRESSED, where, percentile) }
                : { contestant: 'bisect', ...withoutLog(what, percentile) },
        }
      }
      const target = valueAtMost(1_000)
      return [
        { ...figure('id', 'P50'), target },
        { ...figure('id', 'P99'), target },
        { ...figure('time', 'P50'), target },
        { ...figure('time', 'P99'), target },
        figure('touch', 'P50'),
      ]
    }),
  )
  return {
    name: 'b10',
    title: 'seek to an id or a time, first event',
    method: `From the call that seeks to the first event in hand, in a log of ${gib(bytes)}, uncompressed or with every
sealed segment compressed at the default level: ${seeks} random ids, then ${seeks} random times, each sequence once before
without looking at the clock. Before that every segment is sought in once; that is the first time it is read, so all of it is
verified then. The reference reads what a binary search would read of one file of as many events, 64 bytes at a time, and
verifies nothing; what is compressed stands beside what is not, and JavaScript beside Rust.`,
    prepare: [onLogs(native({ contest: 'cold-log', bytes }))],
    contestants: {
      ...Object.fromEntries(entrants),
      bisect: onLogs(native({ contest: 'bisect', bytes, seeks })),
    },
    figures,
    chart: { file: 'seek', title: 'From a seek to the first event', unit: 'µs' },
  }
}
