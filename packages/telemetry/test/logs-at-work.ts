/** Logs at work, whose metrics move when a test says so and stand still while it compares them. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Recorder, WalError } from '@flashstrike/wal-recorder'
import { Recovery } from '@flashstrike/wal-recovery'
import type { ExecutionContext } from 'ava'
import { metricsSymbol, type SourceSnapshot, type WalMetrics, walMetrics } from '#src/index.js'
import { expectedSeries } from './expected-series.js'
import { movedBytes } from './moved-source.js'
import { bytesFrom, sourceOf, temporaryDirectory } from './support.js'

/** The labels of sources whose every metric moves, failures and limits included. */
const MOVED = { log: 'moved' }
/** Segments small enough that all that is done with them is done within a test. */
const SEGMENTS = { segmentBytes: 65_536, compression: { level: 1 } }

/** A source that gives what it held when it was looked at last. */
class Held {
  readonly #read: () => Uint8Array
  #bytes: Uint8Array

  constructor(read: () => Uint8Array) {
    this.#read = read
    this.#bytes = read()
  }

  look(): void {
    this.#bytes = this.#read()
  }

  [metricsSymbol](): Uint8Array {
    return this.#bytes
  }
}

/** Two recorders and two readers of the second, others like them whose every metric moves, and one that cannot be read. */
export class LogsAtWork {
  readonly metrics: WalMetrics
  readonly #dir: string
  readonly #held: Held[]
  #orders: Recorder
  readonly #ofOrders: Held
  readonly #readers: readonly [Recovery, Recovery]
  readonly #trades: Recorder
  #paused: Iterator<unknown> | undefined
  #step = 1

  static async open(t: ExecutionContext): Promise<LogsAtWork> {
    const home = temporaryDirectory(t)
    const dir = join(home, 'orders')
    const orders = await Recorder.open({ dir, ...SEGMENTS, retention: { hotSegments: 2, coldSegments: 50 } })
    const dirOfTrades = join(home, 'trades')
    const trades = await Recorder.open({ dir: dirOfTrades, ...SEGMENTS })
    await appended(orders)
    await appended(trades)
    const openReader = () => Recovery.open({ dir: dirOfTrades })
    const readers = [await openReader(), await openReader()] as const
    const logs = new LogsAtWork(dir, orders, trades, readers)
    t.teardown(() => logs.#close())
    return logs
  }

  private constructor(
    dir: string,
    orders: Recorder,
    trades: Recorder,
    readers: readonly [Recovery, Recovery],
  ) {
    this.#dir = dir
    this.#orders = orders
    this.#readers = readers
    this.#trades = trades
    const held = (source: object) => new Held(() => bytesFrom(source))
    const moved = (source: object) => new Held(() => movedBytes(bytesFrom(source), this.#step, MOVED))
    this.#ofOrders = held(orders)
    const ofReaders = readers.map(held)
    this.#held = [this.#ofOrders, held(trades), ...ofReaders, moved(orders), moved(readers[0])]
    const broken = sourceOf(() => {
      throw new Error('it cannot be read')
    })
    this.metrics = walMetrics(broken, ...this.#held)
  }

  /** What the sources hold, each with the labels that tell it from the others. */
  get sources(): SourceSnapshot[] {
    const known = new Set<string>()
    return this.metrics.snapshot().sources.map(source => {
      const name = `${source.metrics[0]?.attributes['system']} ${source.labels['log']}`
      // The second reader of a log is told apart by its place among those that were given.
      const isAnother = known.size === known.add(name).size
      return isAnother ? { ...source, labels: { ...source.labels, source: '4' } } : source
    })
  }

  /** Appends, reads, compresses and removes until every series of the first recorder and a reader has moved that `canMove`. */
  async goOn(canMove: (series: string) => boolean): Promise<void> {
    const before = this.#series()
    this.#step += 1
    this.#orders.setRetention({ hotSegments: 8, coldSegments: 4 })
    const stillStands = () => {
      const now = this.#series()
      return Array.from(before).some(
        ([key, { value }]) => canMove(key) && isDeepStrictEqual(value, now.get(key)?.value),
      )
    }
    do {
      await this.#work()
      for (const held of this.#held) held.look()
    } while (stillStands())
  }

  async #work(): Promise<void> {
    const [orders, [reader]] = [this.#orders, this.#readers]
    await appended(orders)
    try {
      orders.append(new Uint8Array(2 * SEGMENTS.segmentBytes))
    } catch {
      // Refused, and counted as such.
    }
    // Few, so that reading all of it takes no longer from turn to turn.
    await appended(this.#trades, 100)
    this.#paused?.return?.()
    Array.from(reader.replay())
    reader.seek(this.#trades.lastEventId - 10)
    Array.from(reader.replay())
    reader.seek(0)
    // Stays within the first segment, so that another one is read ahead of it.
    this.#paused = reader.replay()
    this.#paused.next()
    await sleep(1)
    await rotated(orders)
    // Before another segment is made in the place of the one that was taken nothing here waits.
    // Written, and not durable.
    orders.append('the last one')
    orders.flush()
  }

  /** Closes the readers, which go on saying what they held, and opens the first log anew in the place of the old one. */
  async openAnew(): Promise<void> {
    await this.#orders.close()
    for (const reader of this.#readers) await reader.close()
    this.metrics.remove(this.#ofOrders)
    this.#orders = await Recorder.open({ dir: this.#dir, ...SEGMENTS })
    await appended(this.#orders)
    this.#step += 1
    const anew = new Held(() => bytesFrom(this.#orders))
    for (const held of this.#held) held.look()
    this.#held.push(anew)
    this.metrics.add(anew)
  }

  /** What the series of the first recorder and the first reader are. */
  #series() {
    const [orders, , reader] = this.#held
    const sources = walMetrics(...[orders, reader].filter(held => held !== undefined)).snapshot().sources
    return expectedSeries(sources)
  }

  async #close(): Promise<void> {
    for (const log of [this.#orders, this.#trades, ...this.#readers]) await log.close()
  }
}

/** Takes the next segment, once it is ready. */
async function rotated(wal: Recorder): Promise<void> {
  for (;;) {
    try {
      return wal.rotate()
    } catch (error) {
      if (!(error instanceof WalError) || error.code !== 'WAL_BACKPRESSURE') throw error
      await wal.drain()
    }
  }
}

async function appended(wal: Recorder, events = 4_000): Promise<void> {
  await wal.appendAll(Array.from({ length: events }, (_, i) => `event ${i} and what it says`))
  await wal.durable()
}
