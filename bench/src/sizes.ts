import {
  closeSync,
  existsSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'

/** How much a contestant does in a round. */
export interface Sizes {
  /** Events appended. */
  readonly appends: number
  /** Syncs, one after the other. */
  readonly syncs: number
  /** Events appended of which each is waited for, with 256 in flight. */
  readonly inFlight256: number
  /** The same with 4 096 in flight. */
  readonly inFlight4096: number
  /** Syncs of each point of the curve over the number in flight. */
  readonly curveSyncs: number
  /** Events replayed. */
  readonly replayed: number
  /** Segments handed over in a replay. */
  readonly handOffs: number
  /** Events sought, and times. */
  readonly seeks: number
  /** Events followed live. */
  readonly followed: number
  /** Bytes appended until the disk alone says how fast it goes on. */
  readonly sustainedBytes: number
  /** Why they are fewer than they should be. */
  readonly sustainedCap?: string
  /** Events appended at a million a second. */
  readonly paced: number
  /** Metrics recorded. */
  readonly recorded: number
  /** Bytes of the large log and of the small one that it is compared with. */
  readonly largeLogBytes: number
  readonly smallLogBytes: number
  /** Seconds that a recorder and that a replay is watched. */
  readonly recorderSeconds: number
  readonly replaySeconds: number
  /** Events that peers append which take long for one. */
  readonly slowAppends: number
  /** Syncs that the peers make, one after the other. */
  readonly peerSyncs: number
  /** Events that the peers make durable in groups, and those of a peer that syncs each of a group. */
  readonly peerGroups: number
  readonly slowGroups: number
}

/** What the command line says about sizes. */
interface SizeOptions {
  /** Where the contestants write. */
  readonly dir: string
  /** Bytes that may lie on the disk at the same time. */
  readonly diskBytes: number
  /** Whether to take an hour. */
  readonly long: boolean
  /** Whether so much is to be written that the speed of the disk says how long it takes. */
  readonly sustained: boolean
}

const GIB = 2 ** 30
/** Left free on the disk. */
const SPARE_BYTES = 4 * GIB
/** Written to see how fast the disk is. */
const PROBE_BYTES = GIB / 2
/** Most that a round of sustained writing may take. */
const SUSTAINED_SECONDS = 25
/** Of the bytes that the system keeps back from the disk. */
const DIRTY_TIMES = 4
/** Of what the kernel calls dirty memory where it does not say. */
const USUAL_DIRTY_PERCENT = 20

/** The sizes for figures. */
export function fullSizes({ dir, diskBytes, long, sustained }: SizeOptions): Sizes {
  const room = Math.max(Math.min(diskBytes, freeBytes(dir) - SPARE_BYTES), GIB)
  const wanted = DIRTY_TIMES * dirtyLimit()
  const inTime = sustained && !long ? Math.max(diskSpeed(dir) * SUSTAINED_SECONDS, GIB) : wanted
  const sustainedBytes = Math.floor(Math.min(wanted, room, inTime))
  // Beside the large log lie the small one and what both grow by in the rounds.
  const largeLogBytes = room >= 16 * GIB ? 10 * GIB : Math.max(Math.floor(room / 2 / GIB), 1) * GIB
  const sizes = {
    appends: 5_000_000,
    syncs: 2_000,
    inFlight256: 500_000,
    inFlight4096: 2_000_000,
    curveSyncs: 500,
    replayed: 10_000_000,
    handOffs: 500,
    seeks: 5_000,
    followed: 3_000,
    sustainedBytes,
    recorded: 2_000_000,
    paced: long ? 60_000_000 : 10_000_000,
    largeLogBytes,
    smallLogBytes: GIB,
    recorderSeconds: long ? 600 : 60,
    replaySeconds: long ? 600 : 20,
    slowAppends: 1_000_000,
    peerSyncs: 1_000,
    peerGroups: 200_000,
    slowGroups: 5_120,
  }
  if (sustainedBytes >= Math.floor(wanted)) return sizes
  const lacks = inTime < room ? 'is too slow; `--long` writes all of it' : 'has no room'
  const cap = `Capped: that would be ${(wanted / GIB).toFixed(1)} GiB, for which the disk ${lacks}.`
  return { ...sizes, sustainedCap: cap }
}

/** The sizes that only show that a benchmark runs. */
export const SMOKE: Sizes = {
  appends: 20_000,
  syncs: 5,
  inFlight256: 1_000,
  inFlight4096: 10_000,
  curveSyncs: 2,
  replayed: 20_000,
  handOffs: 10,
  seeks: 50,
  followed: 20,
  sustainedBytes: 64 << 20,
  recorded: 1_000,
  paced: 20_000,
  largeLogBytes: 128 << 20,
  smallLogBytes: 64 << 20,
  recorderSeconds: 0.2,
  replaySeconds: 0.1,
  slowAppends: 20_480,
  peerSyncs: 5,
  peerGroups: 5_120,
  slowGroups: 512,
}

/** Bytes that may wait in memory to be written before whoever writes more has to wait. */
function dirtyLimit(): number {
  const bytes = setting('dirty_bytes')
  if (bytes > 0) return bytes
  return (availableBytes() * (setting('dirty_ratio') || USUAL_DIRTY_PERCENT)) / 100
}

/** Bytes a second that the disk takes. */
function diskSpeed(dir: string): number {
  const path = join(dir, 'speed')
  const chunk = new Uint8Array(1 << 20).fill(1)
  const fd = openSync(path, 'wx')
  const start = performance.now()
  for (let written = 0; written < PROBE_BYTES; written += chunk.length) writeSync(fd, chunk)
  fdatasyncSync(fd)
  const seconds = (performance.now() - start) / 1e3
  closeSync(fd)
  rmSync(path)
  return PROBE_BYTES / seconds
}

function setting(name: string): number {
  const path = `/proc/sys/vm/${name}`
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0
}

/** Memory that could hold dirty pages: what is free, and what the page cache can give back. */
function availableBytes(): number {
  if (!existsSync('/proc/meminfo')) return freemem()
  const kib = /^MemAvailable:\s*(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  return kib === undefined ? freemem() : Number(kib) * 1024
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}
