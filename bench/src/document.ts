import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchmarkResult, FigureResult } from './benchmark.js'
import type { Machine } from './machine.js'
import { quantity, spread } from './terminal.js'

const path = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))

/** Writes docs/benchmarks.md and gives its path. */
export function writeDocument(machine: Machine, results: readonly BenchmarkResult[], rounds: number): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(
    path,
    `${[introduction(rounds), machineTable(machine), ...results.map(section)].join('\n\n')}\n`,
  )
  return path
}

function introduction(rounds: number): string {
  return `# Benchmarks

Written by \`npm run bench\`; edit the program in \`bench/\`, not this page. What stands between a missed figure and its
target is in [profiles.md](profiles.md).

A time on one machine says little about another, so each figure stands beside a reference that was measured in the same
run: what the machine gives without a log. What counts is the ratio. All contestants run once untimed, since memory that
the host of a virtual machine has taken back is several times as slow as warm memory, and then take turns for at least
${rounds} timed rounds; the figures, ratios too, are medians of the rounds. Every round is a process of its own, which first
does some of its work untimed until its code is optimized. The events are 64 bytes with nine fields.`
}

function machineTable(machine: Machine): string {
  return ['| measured on | |', '|---|---|', ...machine.map(([name, text]) => `| ${name} | ${text} |`)].join(
    '\n',
  )
}

function section({ benchmark, figures, load }: BenchmarkResult): string {
  const head = '| figure | median | lowest – highest | reference | median | ratio | target | |'
  const lines = [head, '|---|---|---|---|---|---|---|---|', ...figures.map(row)]
  const [before, after] = load.map(n => n.toFixed(2))
  const loads = `Load average of the last minute: ${before} before, ${after} after.`
  const heading = `## ${benchmark.name.toUpperCase()}: ${benchmark.title}`
  return [heading, benchmark.method, lines.join('\n'), loads].join('\n\n')
}

function row(figure: FigureResult): string {
  const { title, value, values, unit, reference, referenceValue, ratio, target, met } = figure
  const cells = [
    title,
    quantity(value, unit),
    spread(values),
    reference ?? '',
    referenceValue === null ? '' : quantity(referenceValue, unit),
    ratio === null ? '' : ratio.toFixed(2),
    target ?? '',
    met === null ? '' : met ? 'met' : '**missed**',
  ]
  return `| ${cells.join(' | ')} |`
}
