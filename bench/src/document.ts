import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Absent, BenchmarkResult, FigureResult } from './benchmark.js'
import { drawChart } from './chart.js'
import { THEMES, type Theme } from './drawing.js'
import type { Machine } from './machine.js'
import { drawPlot } from './plot.js'
import { quantity, spread } from './terminal.js'

const path = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))

/** The plots' folder, seen from the document. */
const PLOTS = 'plots'

/** A benchmark that could not be run. */
export interface Failed {
  readonly name: string
  readonly reason: string
}

/**
 * Replaces what docs/benchmarks.md says of these benchmarks, which were run again on the same machine, and gives its path.
 * One of which it says nothing yet comes last.
 */
export async function updateDocument(machine: Machine, results: readonly BenchmarkResult[]): Promise<string> {
  await drawPlots(results)
  const [, when = ''] = machine.find(([name]) => name === 'date') ?? []
  const [, commit = ''] = machine.find(([name]) => name === 'commit') ?? []
  let text = readFileSync(path, 'utf8')
  for (const result of results) {
    const name = result.benchmark.name.toUpperCase()
    const old = new RegExp(`^## ${name}\\b[^-][^]*?(?=^## |(?![^]))`, 'm')
    const fresh = `${section(result)}\n\nMeasured again by itself: ${when}, commit ${commit}.\n\n`
    text = old.test(text) ? text.replace(old, () => fresh) : `${text.trimEnd()}\n\n${fresh}`
  }
  writeFileSync(path, `${text.trimEnd()}\n`)
  return path
}

async function drawPlots(results: readonly BenchmarkResult[]): Promise<void> {
  const folder = dirname(path)
  mkdirSync(join(folder, PLOTS), { recursive: true })
  for (const { plot, chart } of results) {
    for (const theme of THEMES) {
      if (plot !== null) writeFileSync(join(folder, imageFile(plot, theme)), await drawPlot(plot, theme))
      if (chart !== null) writeFileSync(join(folder, imageFile(chart, theme)), await drawChart(chart, theme))
    }
  }
}

/** Writes docs/benchmarks.md with its plots and gives its path. */
export async function writeDocument(
  machine: Machine,
  results: readonly BenchmarkResult[],
  failed: readonly Failed[],
  rounds: number,
): Promise<string> {
  await drawPlots(results)
  const parts = [introduction(rounds), machineTable(machine), ...results.map(section), ...notRun(failed)]
  writeFileSync(path, `${parts.join('\n\n')}\n`)
  return path
}

/** What is drawn of a benchmark. */
interface Image {
  readonly file: string
  readonly title: string
}

function imageFile({ file }: Image, theme: Theme): string {
  return `${PLOTS}/${file}-${theme}.svg`
}

function introduction(rounds: number): string {
  return `# Benchmarks

Written by \`npm run bench\`; edit the program in \`bench/\`, not this page. What stands between a missed figure and its
target is in [profiles.md](profiles.md).

A time on one machine says little about another, so each figure stands beside a reference that was measured in the same
run: what the machine gives without a log, or another way to keep events. What counts is the ratio. All contestants run once untimed, since memory that
the host of a virtual machine has taken back is several times as slow as warm memory, and then take turns for at least
${rounds} timed rounds where nothing else is said; the figures, ratios too, are medians of the rounds. Every round is a process of its own, which first
does some of its work untimed until its code is optimized. The events are 64 bytes with nine fields.`
}

function machineTable(machine: Machine): string {
  return ['| measured on | |', '|---|---|', ...machine.map(([name, text]) => `| ${name} | ${text} |`)].join(
    '\n',
  )
}

function section({ benchmark, figures, absent, remarks, plot, chart, load }: BenchmarkResult): string {
  const head = '| figure | median | lowest – highest | reference | median | ratio | target | |'
  const lines = [head, '|---|---|---|---|---|---|---|---|', ...figures.map(row)]
  const [before, after] = load.map(n => n.toFixed(2))
  const loads = `Load average of the last minute: ${before} before, ${after} after.`
  const heading = `## ${benchmark.name.toUpperCase()}: ${benchmark.title}`
  const reasons = [...figures.flatMap(obstacle), ...absent.map(absence)]
  return [
    heading,
    benchmark.method,
    lines.join('\n'),
    ...(reasons.length > 0 ? [reasons.join('\n')] : []),
    ...remarks,
    ...[plot, chart].flatMap(image => (image === null ? [] : [picture(image)])),
    loads,
  ].join('\n\n')
}

/** Why a target is missed. */
function obstacle({ title, reference, why }: FigureResult): string[] {
  return why === null ? [] : [`- ${title}, beside ${reference}: ${why}`]
}

function absence({ title, reason }: Absent): string {
  return `- ${title} did not take part: ${reason.replaceAll('\n', ' ')}`
}

function notRun(failed: readonly Failed[]): string[] {
  return failed.map(({ name, reason }) => `## ${name.toUpperCase()}\n\nDid not run: ${reason}`)
}

/** In the colours of the reader's page. */
function picture(image: Image): string {
  return `<picture>
  <source media="(prefers-color-scheme: dark)" srcset="${imageFile(image, 'dark')}">
  <img alt="${image.title}" src="${imageFile(image, 'light')}">
</picture>`
}

function row(figure: FigureResult): string {
  const { title, value, values, unit, reference, referenceValue, ratio, target, met } = figure
  const cells = [
    title,
    quantity(value, unit),
    spread(values),
    reference,
    quantity(referenceValue, unit),
    ratio.toFixed(2),
    target ?? '',
    met === null ? '' : met ? 'met' : '**missed**',
  ]
  return `| ${cells.join(' | ')} |`
}
