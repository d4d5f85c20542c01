import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import pc from 'picocolors'
import type { Benchmark, BenchmarkResult } from './benchmark.js'
import { benchmarks } from './benchmarks/index.js'
import type { Entrant, NativePrograms } from './contestant.js'
import { type Failed, updateDocument, writeDocument } from './document.js'
import { describeMachine, fileSystem } from './machine.js'
import { updateOverviews } from './overviews.js'
import { type Peers, type RunOptions, runBenchmark } from './rounds.js'
import { fullSizes, SMOKE } from './sizes.js'
import { jsonLine, machineText, Progress, resultTable } from './terminal.js'

/** What only the script that starts this knows. */
interface Environment {
  /** Builds the Rust contestants and gives the path of their program. */
  readonly buildNative: (features: readonly string[], release: boolean) => Promise<string>
  /** Installs the peers, gives what there is of them and the path of their program in Rust. */
  readonly installPeers: (
    say: (text: string) => void,
    which: { readonly rocksdb: boolean },
  ) => Promise<Peers & { readonly programs: NativePrograms }>
  /** Formats a file that was written as the checks want it. */
  readonly format: (path: string) => Promise<void>
  /** The version of Rust. */
  readonly rust: string
}

interface Options {
  readonly json: boolean
  readonly smoke: boolean
  readonly long: boolean
  readonly update: boolean
  readonly peers: boolean
  readonly rocksdb: boolean
  readonly rounds: number
  readonly diskGib: number
  readonly dir?: string
}

/** Fewer rounds than this say too little. */
const LEAST_ROUNDS = 5
/** File systems in memory: nothing that is written there reaches a disk. */
const IN_MEMORY = /^(tmpfs|ramfs)\b/

/** Parses the command line, runs what it names, and gives the exit code. A target that is missed is no failure. */
export async function main(argv: readonly string[], environment: Environment): Promise<number> {
  const all = benchmarks(SMOKE)
  const command = new Command('npm run bench --')
    .description(
      'Runs the benchmarks, each beside what the machine gives without a log. Without a name: all of them.',
    )
    .argument('[names...]', all.map(({ name, title }) => `${name} (${title})`).join(', '))
    .option('--json', 'print one line of JSON for each figure', false)
    .option(
      '--smoke',
      'tiny sizes and one round: shows that the benchmarks run, says nothing about speed',
      false,
    )
    .option('--long', 'latencies for a minute a round, memory for ten minutes', false)
    .option('--update', 'replace what docs/benchmarks.md says of the benchmarks that are named', false)
    .option('--no-peers', 'leave out those that compare with other software, which has to be installed')
    .option('--rocksdb', 'take RocksDB in, which needs libclang and a C++ compiler to be built', false)
    .addOption(
      new Option('--disk-gib <number>', 'most that may lie on the disk at the same time')
        .default(20)
        .argParser(diskGib),
    )
    .addOption(new Option('--rounds <number>', 'timed rounds').default(LEAST_ROUNDS).argParser(rounds))
    .option('--dir <directory>', 'where to write; it has to lie on the disk that is to be measured')
    .parse([...argv])
  const options = command.opts<Options>()
  const names = command.args
  const unknown = names.filter(name => !all.some(benchmark => benchmark.name === name))
  if (unknown.length > 0) command.error(`there is no benchmark ${unknown.join(', ')}`)
  return run(names, options, environment)
}

function rounds(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= LEAST_ROUNDS) return number
  throw new InvalidArgumentError(`at least ${LEAST_ROUNDS}, fewer say too little`)
}

function diskGib(text: string): number {
  const number = Number(text)
  if (number >= 2) return number
  throw new InvalidArgumentError('at least 2')
}

async function run(names: readonly string[], options: Options, environment: Environment): Promise<number> {
  const progress = new Progress()
  const dir = scratchDirectory(options.dir)
  const leave = () => rmSync(dir, { recursive: true, force: true })
  process
    .once('exit', leave)
    .once('SIGINT', () => process.exit(130))
    .once('SIGTERM', () => process.exit(143))
  const chosen = choose(names, options, dir)
  const { peers, programs } = await build(chosen, options, environment, progress)
  const machine = describeMachine(dir, environment.rust)
  progress.print(machineText(machine))
  const how: RunOptions = {
    rounds: options.smoke ? 1 : options.rounds,
    warmUp: !options.smoke,
    dir,
    logs: join(dir, 'logs'),
    programs,
    peers,
    onRound: progress.show.bind(progress),
  }
  const results: BenchmarkResult[] = []
  const failed: Failed[] = []
  for (const benchmark of chosen) {
    progress.step(`${benchmark.name}: ${benchmark.title}`)
    try {
      const result = await runBenchmark(benchmark, how)
      results.push(result)
      show(result, options.json, progress)
    } catch (error) {
      // One that cannot run does not keep the others from running.
      const reason = (error as Error).message
      failed.push({ name: benchmark.name, reason })
      progress.print(pc.red(`${benchmark.name}: ${reason}`))
    }
  }
  progress.end()
  const complete = names.length === 0 && !options.smoke && options.peers
  if (complete) {
    await finish(await writeDocument(machine, results, failed, how.rounds), environment, progress)
  } else if (options.update && !options.smoke && results.length > 0) {
    await finish(await updateDocument(machine, results), environment, progress)
  }
  if (failed.length === 0) return 0
  progress.print(pc.red(`did not run: ${failed.map(({ name }) => name).join(', ')}`))
  return 1
}

/** Formats the document, and brings what other pages show of it up to it. */
async function finish(document: string, { format }: Environment, progress: Progress): Promise<void> {
  await format(document)
  for (const page of updateOverviews(document)) await format(page)
  progress.print(`written: ${document}, and the figures of the overviews`)
}

/** The benchmarks that are asked for. */
function choose(names: readonly string[], options: Options, dir: string): Benchmark[] {
  const sustained = names.length === 0 || names.includes('b3')
  const size = { dir, diskBytes: options.diskGib * 2 ** 30, long: options.long, sustained }
  const all = options.smoke ? benchmarks(SMOKE).map(withoutTargets) : benchmarks(fullSizes(size))
  const wanted = all.filter(({ name }) => names.length === 0 || names.includes(name))
  return options.peers
    ? wanted
    : wanted.filter(benchmark => !some(benchmark, ({ peer }) => peer !== undefined))
}

function some({ contestants }: Benchmark, is: (entrant: Entrant) => boolean): boolean {
  return Object.values(contestants).some(is)
}

/** Everything that the benchmarks need. */
async function build(
  chosen: readonly Benchmark[],
  { smoke, rocksdb }: Options,
  { buildNative, installPeers }: Environment,
  progress: Progress,
): Promise<{ peers: Peers; programs: NativePrograms }> {
  const needs = (is: (entrant: Entrant) => boolean) => chosen.some(benchmark => some(benchmark, is))
  progress.step('building the Rust contestants')
  const native = await buildNative([], !smoke)
  // A second build says nothing about whether the benchmark runs.
  const unrecorded = needs(({ program }) => program === 'unrecorded')
    ? { unrecorded: smoke ? native : await buildNative(['unrecorded'], true) }
    : {}
  if (!needs(({ peer }) => peer !== undefined)) {
    return { peers: { versions: {}, missing: {} }, programs: { native, ...unrecorded } }
  }
  const { programs, ...peers } = await installPeers(progress.step.bind(progress), { rocksdb })
  return { peers, programs: { native, ...unrecorded, ...programs } }
}

function show(result: BenchmarkResult, json: boolean, progress: Progress): void {
  progress.end()
  for (const figure of result.figures) if (json) console.log(jsonLine(figure))
  if (!json) console.log(resultTable(result))
}

/** One round of each; what so few events take is not to be compared with anything. */
function withoutTargets(benchmark: Benchmark): Benchmark {
  const figures = benchmark.figures.map(({ target: _, ...figure }) => figure)
  return { ...benchmark, moreRounds: 1, figures }
}

/** A new directory on a disk: the one for temporary files, or below the current one if that is in memory. */
function scratchDirectory(wanted: string | undefined): string {
  const parent = wanted ?? (IN_MEMORY.test(fileSystem(tmpdir())) ? process.cwd() : tmpdir())
  mkdirSync(parent, { recursive: true })
  return mkdtempSync(join(parent, 'flashstrike-bench-'))
}
