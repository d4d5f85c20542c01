/** What the command line says of itself: examples that can be copied, and what was wrong with how it was called. */
import { nearestOf } from '../option-check.js'
import { UsageError } from './failure.js'
import { safe, safeLines } from './text.js'

/** The name that it is called by. */
export const PROGRAM = 'flashstrike-wal'

/** A command line without the program, and what it is for. */
type Example = readonly [args: string, what: string]

/** Each example on a line of its own, so that it can be copied, with what it does below. */
export function examples(all: readonly Example[]): string {
  return `Examples:\n${all.map(([args, what]) => `  ${PROGRAM} ${args}\n      ${what}`).join('\n')}`
}

/** A command as far as a complaint about its use needs it. */
export interface CommandUse {
  /** What it takes in the order given, in words. */
  readonly takes: readonly string[]
  /** Its options, without the dashes. */
  readonly options: readonly string[]
  /** Those of one letter. */
  readonly short: readonly string[]
}

/** The commands that there are, by their names. */
type Commands = ReadonlyMap<string, CommandUse>

/** The parser loses what stands behind `--`, and a `-` alone: it gets them as paths that look like no options. */
export function withoutSeparator(args: readonly string[]): readonly string[] {
  // A shell that completes may ask what `--` can become.
  if (args[0]?.startsWith('--get-')) return args
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const before = args.slice(0, end).map(arg => (arg === '-' ? './-' : arg))
  return [...before, ...args.slice(end + 1).map(path => path.replace(/^-/, './-'))]
}

/** Where it stands how what was called is used. */
export function helpFor(args: readonly string[], commands: Commands): string {
  const command = commandOf(args)
  return command !== undefined && commands.has(command)
    ? `${PROGRAM} ${command} --help shows its options, with examples`
    : `${PROGRAM} --help shows the commands`
}

/** Says what the parser found wrong, in terms of what was typed. */
export function usageError(message: string, args: readonly string[], commands: Commands): UsageError {
  const name = commandOf(args)
  const command = name === undefined ? undefined : commands.get(name)
  if (name === undefined || command === undefined)
    return new UsageError(unknownCommand(name, message, commands))
  const [, unknown] = /^Unknown arguments?: (.*)$/s.exec(message) ?? []
  if (unknown !== undefined) return new UsageError(unknownArguments(unknown.split(', '), args, name, command))
  if (message.startsWith('Not enough non-option arguments')) {
    // What stands behind an option that there is not was taken for its value, and is missing elsewhere.
    const wrong = unknownOptions(args, command)
    if (wrong.length > 0) return new UsageError(unknownArguments(wrong, args, name, command))
    return new UsageError(`${name} takes ${command.takes.join(' and ')}`)
  }
  const [, option, given, choices] = /Argument: ([\w-]+), Given: (.*), Choices: (.*)$/m.exec(message) ?? []
  if (option !== undefined) {
    const what = command.options.includes(option) ? `--${option}` : option
    return new UsageError(`${what} is ${safe(given ?? '')}: it is one of ${choices?.replaceAll('"', '')}`)
  }
  const [, needy] = /^Not enough arguments following: (.*)$/.exec(message) ?? []
  if (needy !== undefined) return new UsageError(`${dashed(needy)} needs a value behind it`)
  return new UsageError(safeLines(message))
}

function unknownCommand(name: string | undefined, message: string, commands: Commands): string {
  const names = [...commands.keys()]
  const all = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
  if (name === undefined) {
    const [, unknown] = /^Unknown arguments?: (.*)$/s.exec(message) ?? []
    return unknown === undefined
      ? `say what to do: ${all}`
      : `${dashed(safe(unknown))} is no option without a command, which is ${all}`
  }
  const nearest = nearestOf(name, names)
  const instead = nearest === undefined ? `say ${all}` : `did you mean ${nearest}?`
  return `there is no command ${safe(name)}: ${instead}`
}

/** The options that were typed and that a command does not have. */
function unknownOptions(args: readonly string[], { options, short }: CommandUse): string[] {
  return args.flatMap(arg => {
    const long = /^--(?:no-)?([^=]+)/.exec(arg)?.[1]
    if (long !== undefined) return options.some(name => camelCase(name) === camelCase(long)) ? [] : [long]
    // A number may be meant as a value.
    const letter = /^-([^-\d.])/.exec(arg)?.[1]
    return letter === undefined || short.includes(letter) ? [] : [letter]
  })
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** `names` as the parser has them; one that was typed with dashes may be there once more in camel case. */
function unknownArguments(
  names: readonly string[],
  args: readonly string[],
  name: string,
  { takes, options }: CommandUse,
): string {
  const isOption = (given: string) =>
    args.some(arg => arg === `--${given}` || arg.startsWith(`--${given}=`) || isShort(arg, given))
  const wrong = names.filter(isOption).map(given => {
    const nearest = given.length > 1 ? nearestOf(given, options) : undefined
    const instead =
      nearest === undefined ? `it has ${options.map(dashed).join(', ')}` : `did you mean --${nearest}?`
    return `${name} has no option ${dashed(safe(given))}: ${instead}`
  })
  if (wrong.length > 0) return wrong.join('\n')
  const extra = names.filter(given => args.includes(given)).map(safe)
  return `${name} takes ${takes.join(' and ')} and nothing else: ${(extra.length > 0 ? extra : names.map(safe)).join(', ')} is too much`
}

function isShort(arg: string, given: string): boolean {
  return given.length === 1 && /^-[^-]/.test(arg) && arg.includes(given)
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`
}

/** The command that was asked for: the first word that is no option. */
function commandOf(args: readonly string[]): string | undefined {
  return args.find(arg => !arg.startsWith('-'))
}
