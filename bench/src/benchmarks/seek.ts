import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { gib, native, node, onLogs, valueAtMost } from './entrants.js'

const KINDS = [
  ['hot', 'uncompressed'],
  ['cold', 'compressed'],
] as const
const LANGUAGES = [
  ['rust', 'from Rust'],
  ['js', 'from JavaScript'],
] as const

export function seek({ largeLogBytes: bytes, seeks }: Sizes): Benchmark {
  const entrants = LANGUAGES.flatMap(([language]) =>
    KINDS.map(([kind]) => {
      const contest = { contest: 'seek', bytes, cold: kind === 'cold', seeks }
      return [`${kind}-${language}`, onLogs(language === 'js' ? node(contest) : native(contest))] as const
    }),
  )
  const figures = KINDS.flatMap(([kind, state]) =>
    LANGUAGES.flatMap(([language, where]): Figure[] => {
      const figure = (what: string, percentile: string): Omit<Figure, 'title'> => ({
        name: `b10.${kind}-${language}-${what}-${percentile.toLowerCase()}`,
        unit: 'ms',
        value: { contestant: `${kind}-${language}`, figure: `${what}${percentile}Us`, scale: 1e-3 },
      })
      const target = valueAtMost(1)
      return [
        { ...figure('id', 'P50'), title: `to an id, ${state}, ${where}, p50`, target },
        { ...figure('id', 'P99'), title: `to an id, ${state}, ${where}, p99`, target },
        { ...figure('time', 'P50'), title: `to a time, ${state}, ${where}, p50`, target },
        { ...figure('time', 'P99'), title: `to a time, ${state}, ${where}, p99`, target },
        {
          ...figure('touch', 'P50'),
          title: `the first in a segment, ${state}, ${where}, p50`,
        },
      ]
    }),
  )
  return {
    name: 'b10',
    title: 'seek to an id or a time, first event',
    method: `From the call that seeks to the first event in hand, in a log of ${gib(bytes)}, uncompressed or with every
sealed segment compressed at the default level: ${seeks} random ids, then ${seeks} random times, each sequence once before
without looking at the clock. Before that every segment is sought in once; that is the first time it is read, so all of it is
verified then.`,
    prepare: [onLogs(native({ contest: 'cold-log', bytes }))],
    contestants: Object.fromEntries(entrants),
    figures,
    chart: { file: 'seek', title: 'From a seek to the first event', unit: 'ms' },
  }
}
