/** What the command line says of itself: examples that can be copied, and what was wrong with how it was called. */
import { safe } from './text.js'

/** The name that it is called by. */
export const PROGRAM = 'flashstrike-telemetry'

/** The commands that there are, by their names. */
type Commands = ReadonlyMap<string, unknown>

/** All of them, to choose one of. */
export function everyOne(commands: Commands): string {
  const names = [...commands.keys()]
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}

/** Each example on a line of its own, so that it can be copied, with what it does below. */
export function examples(all: readonly (readonly [args: string, what: string])[]): string {
  return `Examples:\n${all.map(([args, what]) => `  ${PROGRAM} ${args}\n      ${what}`).join('\n')}`
}

/** The parser loses what stands behind `--`, and a `-` alone: it gets them as paths that look like no options. */
export function withoutSeparator(args: readonly string[]): readonly string[] {
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

/** What the parser found wrong, in terms of what was typed. */
export function complaint(message: string, args: readonly string[], commands: Commands): string {
  const command = commandOf(args)
  if (command === undefined) return message
  if (!commands.has(command)) {
    const [, meant] = /^Did you mean (.*)\?$/.exec(message) ?? []
    const instead = meant === undefined ? `say ${everyOne(commands)}` : `did you mean ${meant}?`
    return `there is no command ${safe(command)}: ${instead}`
  }
  const [, unknown] = /^Unknown arguments?: (.*)$/s.exec(message) ?? []
  if (unknown !== undefined) {
    // For the parser the sign of `-i=` is one more option where nothing stands behind it.
    const names = unknown.split(', ').filter(name => name !== '=')
    const [empty] = args.filter(arg => /^-[^-]=$/.test(arg))
    if (names.length === 0 && empty !== undefined)
      return `${safe(empty.slice(0, -1))} needs a value behind it`
    return `${command} has no option ${names.map(dashed).join(', ')}`
  }
  if (message.startsWith('Not enough non-option arguments')) return 'name a page, or several'
  const [, option, given, choices] = /Argument: ([\w-]+), Given: (.*), Choices: (.*)$/m.exec(message) ?? []
  if (option !== undefined)
    return `--${option} is ${safe(given ?? '')}: it is one of ${choices}`.replaceAll('"', '')
  const [, needy] = /^Not enough arguments following: (.*)$/.exec(message) ?? []
  return needy === undefined ? message : `${dashed(needy)} needs a value behind it`
}

/** The command that was asked for: the first word that is no option. */
function commandOf(args: readonly string[]): string | undefined {
  return args.find(arg => !arg.startsWith('-'))
}

function dashed(name: string): string {
  return safe(name.length === 1 ? `-${name}` : `--${name}`)
}
