import type { Benchmark, Figure } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { gib, native, node, onLogs, ratioAtMost } from './entrants.js'

const MIB = 2 ** 20

export function memory({ largeLogBytes: bytes, recorderSeconds, replaySeconds: seconds }: Sizes): Benchmark {
  const measure = (contestant: string, figure: string) => ({ contestant, figure, scale: 1 / MIB })
  const row = (
    contestant: string,
    title: string,
    figure: string,
    reference: Figure['reference'],
  ): Figure => ({
    name: `b14.${contestant}.${figure}`,
    title,
    unit: 'MiB',
    value: measure(contestant, figure),
    ...(reference && { reference }),
  })
  const growth = (contestant: string, title: string): Figure => ({
    ...row(contestant, `${title}: last quarter of the time`, 'lastBytes', {
      ...measure(contestant, 'firstBytes'),
      title: 'first quarter',
    }),
    target: ratioAtMost(1.1),
  })
  const replays = `replays of ${gib(bytes)}`
  return {
    name: 'b14',
    title: 'memory',
    method: `The resident set, pages of mapped segments included, of a recorder with four prepared segments of 64 MiB: at rest,
and while it appends for ${recorderSeconds} seconds as fast as it can and removes all but the last 16 segments; and of replays of a log of ${gib(bytes)}, one after the
other for ${seconds} seconds. Each once, the highest of twenty looks a second.`,
    once: true,
    prepare: [onLogs(native({ contest: 'large-log', bytes }))],
    contestants: {
      recorder: native({ contest: 'resident-recorder', seconds: recorderSeconds }),
      replay: onLogs(native({ contest: 'resident-replay', bytes, seconds })),
      'replay-javascript': onLogs(node({ contest: 'resident-replay', bytes, seconds })),
    },
    figures: [
      row('recorder', 'recorder at rest', 'atRestBytes', {
        ...measure('recorder', 'mappedBytes'),
        title: 'its segments',
      }),
      {
        ...row('recorder', 'recorder at full speed, highest', 'highestBytes', {
          ...measure('recorder', 'mostMappedBytes'),
          title: 'all segments that it may map',
        }),
        target: ratioAtMost(1.05),
      },
      {
        ...growth('recorder', 'recorder'),
        why: 'how many segments wait for the disk differs from minute to minute; the row above is the bound.',
      },
      row('replay', `${replays} from Rust, highest`, 'highestBytes', {
        ...measure('replay', 'segmentBytes'),
        title: 'one segment',
      }),
      growth('replay', 'the same'),
      row('replay-javascript', `${replays} from JavaScript, highest`, 'highestBytes', {
        ...measure('replay', 'highestBytes'),
        title: 'from Rust',
      }),
      growth('replay-javascript', 'the same'),
    ],
  }
}
