import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import pc from 'picocolors'
import type { Benchmark, BenchmarkResult } from './benchmark.js'
import { benchmarks, FULL, SMOKE } from './benchmarks.js'
import { writeDocument } from './document.js'
import { describeMachine, fileSystem } from './machine.js'
import { runBenchmark } from './rounds.js'
import { jsonLine, machineText, Progress, resultTable } from './terminal.js'

/** What only the script that starts this knows. */
export interface Environment {
  /** Builds the Rust contestants and gives the path of their program. */
  readonly buildNative: (features: readonly string[]) => Promise<string>
  /** The version of Rust. */
  readonly rust: string
}

interface Options {
  readonly json: boolean
  readonly smoke: boolean
  readonly rounds: number
  readonly dir?: string
}

/** Fewer rounds than this say too little. */
const LEAST_ROUNDS = 5
/** File systems in memory: nothing that is written there reaches a disk. */
const IN_MEMORY = /^(tmpfs|ramfs)\b/

/** Parses the command line, runs what it names, and gives the exit code. A target that is missed is no failure. */
export async function main(argv: readonly string[], environment: Environment): Promise<number> {
  const all = benchmarks(FULL)
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

async function run(
  names: readonly string[],
  options: Options,
  { buildNative, rust }: Environment,
): Promise<number> {
  const all = options.smoke ? benchmarks(SMOKE).map(withoutTargets) : benchmarks(FULL)
  const chosen = all.filter(({ name }) => names.length === 0 || names.includes(name))
  const progress = new Progress()
  progress.show('building the Rust contestants')
  const native = await buildNative([])
  const needsUnrecorded = chosen.some(({ contestants }) =>
    Object.values(contestants).some(({ program }) => program === 'unrecorded'),
  )
  const nativePrograms = needsUnrecorded
    ? { native, unrecorded: await buildNative(['unrecorded']) }
    : { native }
  const dir = scratchDirectory(options.dir)
  const leave = () => rmSync(dir, { recursive: true, force: true })
  process
    .once('exit', leave)
    .once('SIGINT', () => process.exit(130))
    .once('SIGTERM', () => process.exit(143))
  const machine = describeMachine(dir, rust)
  progress.print(machineText(machine))
  const how = {
    rounds: options.smoke ? 1 : options.rounds,
    dir,
    nativePrograms,
    onRound: progress.show.bind(progress),
  }
  const results: BenchmarkResult[] = []
  const failed: string[] = []
  for (const benchmark of chosen) {
    const result = await attempt(benchmark, () => runBenchmark(benchmark, how), progress)
    if (result === undefined) {
      failed.push(benchmark.name)
      continue
    }
    results.push(result)
    for (const figure of result.figures) if (options.json) console.log(jsonLine(figure))
    if (!options.json) console.log(resultTable(result))
  }
  progress.end()
  if (failed.length > 0) progress.print(pc.red(`did not run: ${failed.join(', ')}`))
  else if (names.length === 0 && !options.smoke)
    progress.print(`written: ${writeDocument(machine, results, how.rounds)}`)
  return failed.length === 0 ? 0 : 1
}

/** What so few events take is not to be compared with anything. */
function withoutTargets(benchmark: Benchmark): Benchmark {
  return { ...benchmark, figures: benchmark.figures.map(({ target: _, ...figure }) => figure) }
}

/** One benchmark that cannot run does not keep the others from running. */
async function attempt(
  { name }: Benchmark,
  work: () => Promise<BenchmarkResult>,
  progress: Progress,
): Promise<BenchmarkResult | undefined> {
  try {
    return await work()
  } catch (error) {
    progress.print(pc.red(`${name}: ${(error as Error).message}`))
    return undefined
  } finally {
    progress.end()
  }
}

/** A new directory on a disk: the one for temporary files, or below the current one if that is in memory. */
function scratchDirectory(wanted: string | undefined): string {
  const parent = wanted ?? (IN_MEMORY.test(fileSystem(tmpdir())) ? process.cwd() : tmpdir())
  mkdirSync(parent, { recursive: true })
  return mkdtempSync(join(parent, 'flashstrike-bench-'))
}
