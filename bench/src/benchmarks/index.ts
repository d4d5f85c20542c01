import type { Benchmark } from '../benchmark.js'
import type { Sizes } from '../sizes.js'
import { appendFromJavaScript, appendFromRust } from './append.js'
import { choices } from './choices.js'
import { commit, commitCurve, groupCommit } from './commit.js'
import { reopen, sustained, syncBytes } from './disk.js'
import { follow } from './follow.js'
import { latency } from './latency.js'
import { memory } from './memory.js'
import { peersAppend, peersCommit, peersGroup, peersReplay } from './peers.js'
import { handOff, replay } from './replay.js'
import { seek } from './seek.js'
import { neighbours, recording, scraped, telemetryOfAppends } from './telemetry.js'
import { verify } from './verify.js'

/** All benchmarks with these sizes. */
export function benchmarks(sizes: Sizes): readonly Benchmark[] {
  return [
    appendFromJavaScript(sizes),
    appendFromRust(sizes),
    sustained(sizes),
    latency(sizes),
    commit(sizes),
    groupCommit(sizes),
    commitCurve(sizes),
    replay(sizes),
    handOff(sizes),
    reopen(sizes),
    verify(sizes),
    seek(sizes),
    telemetryOfAppends(sizes),
    recording(sizes),
    neighbours(sizes),
    scraped(sizes),
    syncBytes(sizes),
    follow(sizes),
    memory(sizes),
    choices(sizes),
    peersAppend(sizes),
    peersCommit(sizes),
    peersGroup(sizes),
    peersReplay(sizes),
  ]
}
