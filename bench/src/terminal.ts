import Table from 'cli-table3'
import pc from 'picocolors'
import type { BenchmarkResult, FigureResult } from './benchmark.js'
import type { Machine } from './machine.js'

/** What is going on, on standard error: one line that is overwritten on a terminal, each larger step elsewhere. */
export class Progress {
  readonly #live = process.stderr.isTTY === true

  show(text: string): void {
    if (this.#live) process.stderr.write(`\r\x1b[K${pc.dim(text)}`)
  }

  /** A larger step. */
  step(text: string): void {
    if (this.#live) this.show(text)
    else this.print(`${new Date().toISOString().slice(11, 19)} ${text}`)
  }

  end(): void {
    if (this.#live) process.stderr.write('\r\x1b[K')
  }

  /** A line that stays. */
  print(text: string): void {
    this.end()
    process.stderr.write(`${text}\n`)
  }
}

/** Name and text of everything known about the machine, a line each. */
export function machineText(machine: Machine): string {
  const width = Math.max(...machine.map(([name]) => name.length))
  return machine.map(([name, text]) => `${pc.dim(name.padEnd(width))}  ${text}`).join('\n')
}

/** A benchmark as a table. */
export function resultTable({ benchmark, figures, absent, remarks, load }: BenchmarkResult): string {
  const table = new Table({
    head: ['figure', 'median', 'lowest – highest', 'reference', 'ratio', 'target', ''],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [34, 18, 19, 38, 9, 14, 8],
  })
  for (const figure of figures) {
    table.push([
      figure.title,
      pc.bold(quantity(figure.value, figure.unit)),
      spread(figure.values),
      referenceText(figure),
      figure.ratio.toFixed(2),
      figure.target ?? '',
      verdict(figure.met),
    ])
  }
  const heading = `${pc.bold(`${benchmark.name.toUpperCase()} ${benchmark.title}`)}`
  const loads = pc.dim(`load average ${load.map(n => n.toFixed(2)).join(' → ')}`)
  const said = [...absent.map(({ title, reason }) => `${title} did not take part: ${reason}`), ...remarks]
  return [`\n${heading}  ${loads}`, table.toString(), ...said.map(plain)].join('\n')
}

function verdict(met: boolean | null): string {
  if (met === null) return ''
  return met ? pc.green('met') : pc.red('missed')
}

function referenceText({ reference, referenceValue, unit }: FigureResult): string {
  return `${plain(reference)}: ${quantity(referenceValue, unit)}`
}

/** Without the marks that show code in the documentation. */
function plain(text: string): string {
  return text.replaceAll('`', '')
}

/** Lowest and highest of all rounds. */
export function spread(values: readonly number[]): string {
  return values.length === 0 ? '' : `${digits(Math.min(...values))} – ${digits(Math.max(...values))}`
}

/** A number with its unit. */
export function quantity(value: number, unit: string): string {
  return `${digits(value)} ${unit}`
}

/** Three digits that count; whole numbers in full. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const whole = Math.max(Math.ceil(Math.log10(Math.abs(value) || 1)), 1)
  return value.toFixed(Math.max(3 - whole, 0))
}

/** A figure as one line for programs. */
export function jsonLine(figure: FigureResult): string {
  const { name, value, unit, referenceValue, ratio, target, met } = figure
  const reference = plain(figure.reference)
  return JSON.stringify({ name, value, unit, reference, referenceValue, ratio, target, met })
}
