/** The commands and outputs that stand in a document, to be compared with what the commands print today. */
import { readFileSync, writeFileSync } from 'node:fs'

/** A command, and what stands below it. */
export interface Shown {
  readonly command: string
  readonly output: string
}

/** What a section shows: commands with their outputs, or a message. */
export interface ShownBlock {
  readonly text: string
  readonly shown: readonly Shown[]
}

/** A document whose blocks are compared and, where that is asked for, replaced. */
export class Transcripts {
  readonly #path: URL
  readonly #text: string
  readonly #blocks = new Map<string, ShownBlock[]>()
  readonly #commands = new Map<string, string[]>()
  readonly #members = new Map<string, Map<string, readonly string[]>>()

  constructor(path: URL) {
    this.#path = path
    this.#text = readFileSync(path, 'utf8')
    const sections = this.#text.split(/^##+ /m).slice(1)
    for (const section of sections) {
      const [title = ''] = section.split('\n')
      const blocks = [...section.matchAll(/^```(?:console|text)\n(.*?)^```$/gms)]
      this.#blocks.set(
        title,
        blocks.map(([, text = '']) => ({ text, shown: shown(text) })),
      )
      const commands = [...section.matchAll(/^```sh\n(.*?)^```$/gms)]
      this.#commands.set(
        title,
        commands.flatMap(([, text = '']) => text.trim().split('\n')),
      )
      this.#members.set(title, members(section))
    }
  }

  /** The sections that show commands with what they print. */
  get sections(): string[] {
    return [...this.#blocks.keys()].filter(title => this.of(title).some(({ shown }) => shown.length > 0))
  }

  /** The commands of a section that are shown without what they print. */
  commandsOf(section: string): readonly string[] {
    return this.#commands.get(section) ?? []
  }

  /** The members of an object that a section names, in a table or behind "`--json` gives", each with its own members. */
  membersOf(section: string): ReadonlyMap<string, readonly string[]> {
    return this.#members.get(section) ?? new Map()
  }

  /** The blocks of a section, in order. */
  of(section: string): readonly ShownBlock[] {
    return this.#blocks.get(section) ?? []
  }

  /** Puts what was printed in the place of a block. */
  replace(block: ShownBlock, text: string): void {
    const now = readFileSync(this.#path, 'utf8')
    writeFileSync(
      this.#path,
      now.replace(block.text, () => text),
    )
  }
}

/** Code in a text that may be the name of a member. */
function names(text: string): string[] {
  const found = Array.from(text.matchAll(/`([a-zA-Z]\w+)`/g), ([, name = '']) => name)
  return found.filter(name => name !== 'null')
}

function members(section: string): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const [, first = '', second = ''] of section.matchAll(/^\| (`[^|]*) \| ([^|]*)/gm))
    for (const name of names(first)) found.set(name, names(second))
  const [, sentence = ''] = /^`--json` gives (.*)$/m.exec(section) ?? []
  // What stands in parentheses is of the member in front of them.
  for (const [, name = '', inner = ''] of sentence.matchAll(/`(\w+)`(?: \(([^)]*)\))?/g))
    found.set(name, names(inner))
  return found
}

function shown(text: string): Shown[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map(part => {
      const [command = '', ...output] = part.split('\n')
      return { command, output: output.join('\n') }
    })
}

/** Without what is another one each time: times, rates, sizes on disk, processes, how many segments were ready. */
export function withoutChance(text: string): string {
  return text
    .replaceAll(/^ +\d{8} +prepared .*\n/gm, '')
    .replaceAll(/\d+ files of/g, 'N files of')
    .replaceAll(/^( +\d{8} .*?)[\d.]+ [KM]iB +[\d.-]+ /gm, '$1 SIZE RATIO ')
    .replaceAll(/[\d.]+ [KM]iB on disk/g, 'SIZE on disk')
    .replaceAll(/ segments \([\d.]+ [KM]iB\)/g, ' segments (SIZE)')
    .replaceAll(/^Log id .*$/gm, 'Log id')
    .replaceAll(/^On .*$/gm, 'On')
    .replaceAll(/"elapsedNs":\d+/g, '"elapsedNs":N')
    .replaceAll(/^ +\d{8}\.wal +0 +[\d.]+ KiB +- .*\n/gm, '')
    .replaceAll(/^\d+ pieces/gm, 'N pieces')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\d{8}T\d{6}Z(-\d+)?/g, 'STAMP')
    .replaceAll(/ in [\d.]+ m?s\b/g, ' in SECONDS')
    .replaceAll(/, [\d.]+ ([KMG]i)?B at [\d.]+ ([KMG]i)?B\/s/g, '')
    .replaceAll(/^Rate .*$/gm, 'Rate')
    .replaceAll(/^Written .*$/gm, 'Written')
    .replaceAll(/\d+ prepared; SIZE/g, 'N prepared; SIZE')
    .replaceAll(/process \d+/g, 'process N')
    .replaceAll(/\s+/g, ' ')
    .trim()
}
