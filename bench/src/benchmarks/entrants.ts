// What benchmarks are put together from.
import type { Target } from '../benchmark.js'
import type { Contest, Entrant } from '../contestant.js'

/** zstd's level of compressed segments where nobody says another. */
export const DEFAULT_LEVEL = 3

/** A contestant in JavaScript. */
export function node(contest: Contest): Entrant {
  return { program: 'node', contest }
}

/** A contestant in Rust. */
export function native(contest: Contest): Entrant {
  return { program: 'native', contest }
}

/** Another way to keep events, in JavaScript. */
export function npmPeer(peer: string, contest: Contest): Entrant {
  return { program: 'peer', peer, contest: { ...contest, peer } }
}

/** Another log in Rust. */
export function cratePeer(peer: string, contest: Contest): Entrant {
  return { program: 'native-peer', peer, contest: { ...contest, peer } }
}

/** Another log in Java. */
export function javaPeer(peer: string, contest: Contest): Entrant {
  return { program: 'java-peer', peer, contest }
}

/** A contestant that is kept on one processor. */
export function pinned(entrant: Entrant): Entrant {
  return { ...entrant, pinned: true }
}

/** A contestant that reads or continues the large logs that benchmarks share. */
export function onLogs(entrant: Entrant): Entrant {
  return { ...entrant, onLogs: true }
}

export function ratioAtMost(limit: number): Target {
  return { of: 'ratio', bound: 'at most', limit }
}

export function ratioAtLeast(limit: number): Target {
  return { of: 'ratio', bound: 'at least', limit }
}

export function valueAtMost(limit: number): Target {
  return { of: 'value', bound: 'at most', limit }
}

export function valueAtLeast(limit: number): Target {
  return { of: 'value', bound: 'at least', limit }
}

/** A number of events as people say it. */
export function millions(n: number): string {
  return n >= 1e6 ? `${Number((n / 1e6).toPrecision(3))} million` : String(n)
}

/** A number of bytes in GiB. */
export function gib(bytes: number): string {
  return `${Number((bytes / 2 ** 30).toFixed(1))} GiB`
}
