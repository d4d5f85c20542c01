import escapes from 'ansi-escapes'

/** The whole terminal, as long as something is shown in it; given back as it was. */
export class Terminal {
  readonly #stream: NodeJS.WriteStream
  #isEntered = false

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return { columns: Math.max(20, this.#stream.columns || 80), rows: Math.max(5, this.#stream.rows || 24) }
  }

  /** Shows these lines and nothing else. */
  draw(lines: readonly string[]): void {
    const begin = this.#isEntered ? '' : escapes.enterAlternativeScreen + escapes.cursorHide
    this.#isEntered = true
    // Line by line over what was there: a screen that is cleared first flickers. The last one ends without a line
    // break, which would move all of it up.
    const text = lines.map(line => line + escapes.eraseEndLine).join('\n')
    this.#stream.write(begin + escapes.cursorTo(0, 0) + text + escapes.eraseDown)
  }

  /** Gives the terminal back. */
  leave(): void {
    if (!this.#isEntered) return
    this.#isEntered = false
    this.#stream.write(escapes.cursorShow + escapes.exitAlternativeScreen)
  }

  /** Stops the program, as Ctrl-Z is meant to, and leaves the terminal to the shell until it goes on. */
  suspend(): void {
    this.leave()
    process.kill(process.pid, 'SIGSTOP')
  }
}
