import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { native, node, valueAtMost } from './entrants.js'

/** A spinning reader spins for as long as this after each event: longer than any pause of the writer. */
const SPIN_US = 50_000

const WHY =
  'what stands between the event in memory and the program is a call into the addon and a promise; from run to run the median lies on either side of the target.'

export function follow({ followed: events }: Sizes): Benchmark {
  const contestants = {
    'rust-spinning': native({ contest: 'follow', events, spin: true }),
    'javascript-spinning': { ...node({ contest: 'follow', events, spinUs: SPIN_US }), withNative: true },
    'rust-sleeping': native({ contest: 'follow', events, spin: false }),
    'javascript-sleeping': { ...node({ contest: 'follow', events, spinUs: 0 }), withNative: true },
  }
  const references = {
    'signal-spinning': native({ contest: 'signal', events, spin: true }),
    'signal-sleeping': native({ contest: 'signal', events, spin: false }),
  }
  const figures = Object.keys(contestants).flatMap(contestant => {
    const [language = '', how = ''] = contestant.split('-')
    const isSpinning = how === 'spinning'
    const figure = (percentile: string): Figure => ({
      name: `b13.${contestant}.${percentile}`,
      title: `${language === 'rust' ? 'Rust' : 'JavaScript'}, ${how}, ${percentile}`,
      unit: 'µs',
      value: { contestant, figure: `${percentile}Us` },
      reference: {
        contestant: `signal-${how}`,
        figure: `${percentile}Us`,
        title: isSpinning
          ? `a number in shared memory, ${percentile}`
          : `8 bytes through a pipe, ${percentile}`,
      },
    })
    return [{ ...figure('p50'), target: valueAtMost(isSpinning ? 5 : 1_000), why: WHY }, figure('p99')]
  })
  return {
    name: 'b13',
    title: 'live follow by another process',
    method: `From the moment before an append to the moment when another process has the event, ${events} events with
pauses of about a millisecond, each published at once. A reader that spins looks for the next event without a pause and takes a
processor for it; one that sleeps is woken. The writer is the same for all, a program in Rust. The references are the least
that two processes need, without a log: a number that is stored where the reader looks without a pause, and a read of a pipe.`,
    contestants: { ...contestants, ...references },
    figures,
    remarks: value => [
      `Processor time of the reading process while it follows, of one processor: ${Object.keys(contestants)
        .map(
          contestant =>
            `${contestant.replace('-', ', ').replace('rust', 'Rust').replace('javascript', 'JavaScript')} ${value({ contestant, figure: 'processorPercent' }).toFixed(0)} %`,
        )
        .join('; ')}.`,
    ],
    chart: { file: 'follow', title: 'From an append to the event elsewhere', unit: 'µs' },
  }
}
