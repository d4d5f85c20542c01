import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { native, node, valueAtMost } from './entrants.js'

/** A spinning reader spins for as long as this after each event: longer than any pause of the writer. */
const SPIN_US = 50_000

export function follow({ followed: events }: Sizes): Benchmark {
  const contestants = {
    'rust-spinning': native({ contest: 'follow', events, spin: true }),
    'javascript-spinning': { ...node({ contest: 'follow', events, spinUs: SPIN_US }), withNative: true },
    'rust-sleeping': native({ contest: 'follow', events, spin: false }),
    'javascript-sleeping': { ...node({ contest: 'follow', events, spinUs: 0 }), withNative: true },
  }
  const figures = Object.keys(contestants).flatMap(contestant => {
    const [language = '', how = ''] = contestant.split('-')
    const title = `${language === 'rust' ? 'Rust' : 'JavaScript'}, ${how}`
    const target = valueAtMost(how === 'spinning' ? 5 : 1_000)
    const figure = (name: string, what: string, unit: string, figure: string): Figure => ({
      name: `b13.${contestant}.${name}`,
      title: `${title}, ${what}`,
      unit,
      value: { contestant, figure },
    })
    return [
      { ...figure('p50', 'p50', 'µs', 'p50Us'), target },
      figure('p99', 'p99', 'µs', 'p99Us'),
      figure('processor', "the reader's processor time", '%', 'processorPercent'),
    ]
  })
  return {
    name: 'b13',
    title: 'live follow by another process',
    method: `From the moment before an append to the moment when another process has the event, ${events} events with
pauses of about a millisecond, each published at once. A reader that spins looks for the next event without a pause and takes a
processor for it; one that sleeps is woken. Its processor time is that of the reading process while it follows, in percent of one
processor. The writer is the same for all, a program in Rust.`,
    contestants,
    figures,
    chart: { file: 'follow', title: 'From an append to the event elsewhere', unit: 'µs' },
  }
}
