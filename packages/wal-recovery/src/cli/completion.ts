/** `completion`: scripts that let a shell complete commands, options and directories. */
import { basename } from 'node:path'
import { UsageError } from './failure.js'
import { print } from './output.js'
import { PROGRAM } from './usage.js'

/** The shells that there is a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

type Shell = (typeof SHELLS)[number]

/** Where each shell looks for what it runs when it starts, as a line to type. */
const INSTALL: Readonly<Record<Shell, string>> = {
  bash: `${PROGRAM} completion bash >> ~/.bashrc`,
  zsh: `${PROGRAM} completion zsh >> ~/.zshrc`,
  fish: `${PROGRAM} completion fish > ~/.config/fish/completions/${PROGRAM}.fish`,
}

/** The parser gives what can follow, one a line; where nothing of its own can, a directory does. */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_flashstrike_wal() {
  local IFS=$'\\n' word="\${COMP_WORDS[COMP_CWORD]}" found
  found=$(SHELL=bash ${PROGRAM} --get-yargs-completions "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
  COMPREPLY=($(compgen -W "$found" -- "$word"))
}
complete -o dirnames -F _flashstrike_wal ${PROGRAM}
`,
  zsh: `_flashstrike_wal() {
  local -a found
  found=(\${(f)"$(SHELL=zsh ${PROGRAM} --get-yargs-completions "\${(@)words[1,CURRENT]}" 2>/dev/null)"})
  if (( \${#found} )); then _describe '${PROGRAM}' found; else _files -/; fi
}
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }
compdef _flashstrike_wal ${PROGRAM}
`,
  fish: `function __flashstrike_wal
    set -l word (commandline -ct)
    set -l found (env SHELL=zsh ${PROGRAM} --get-yargs-completions (commandline -opc) "$word" 2>/dev/null)
    if test (count $found) -gt 0
        string replace ':' \\t -- $found
    else
        __fish_complete_directories "$word" ''
    end
end
complete -c ${PROGRAM} -f -a '(__flashstrike_wal)'
`,
}

/**
 * Prints the script for a shell; without a name for the one that the user has.
 *
 * @throws UsageError for a shell that there is none for
 */
export async function completion(asked: string | undefined): Promise<number> {
  const shell = asked ?? basename(process.env['SHELL'] ?? '')
  const known = SHELLS.find(name => name === shell)
  if (known === undefined) {
    const own = shell === '' ? 'it is not known which shell this is' : `there is no script for ${shell}`
    throw new UsageError(`${own}: name one of ${SHELLS.join(', ')}, as in ${PROGRAM} completion bash`)
  }
  await print(
    `# Completes ${PROGRAM}, which has to be found in the PATH. To install:\n#   ${INSTALL[known]}\n${SCRIPTS[known]}`.trimEnd(),
  )
  return 0
}

/** What can follow the words typed: no options where a directory is meant, so that the shell offers those. */
export function offered(current: string, found: readonly string[]): string[] {
  return found.filter(word => current.startsWith('-') || !word.startsWith('-'))
}
