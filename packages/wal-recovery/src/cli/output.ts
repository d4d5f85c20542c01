/** Standard output and error: what is there, colours where they belong, and nobody who waits in vain. */
import pc from 'picocolors'

/** Collected until it is worth a call. */
const CHUNK = 64 << 10

/** Without a terminal, as wide as anything gets. */
const NO_LIMIT = Number.POSITIVE_INFINITY

/** Colours for this stream: none where it is no terminal, or `NO_COLOR` is set, or the terminal knows none. */
export function colours(stream: NodeJS.WriteStream) {
  const { NO_COLOR, TERM } = process.env
  return pc.createColors(stream.isTTY === true && !NO_COLOR && TERM !== 'dumb')
}

/** Columns of a terminal; infinite where the stream, standard output unless it is named, is none. */
export function columns(stream: NodeJS.WriteStream = process.stdout): number {
  if (!stream.isTTY) return NO_LIMIT
  return Math.max(20, stream.columns || 80)
}

/** Says something beside the output. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Whoever reads the output has enough of it: no error, only the end. */
let isClosed = false

/**
 * Lets a reader that goes away, as `head` does, end the program without a word, and output that cannot be written end it
 * with the code that `failed` gives.
 */
export function watchOutput(failed: (error: NodeJS.ErrnoException) => number): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    isClosed = true
    process.exit(error.code === 'EPIPE' ? (process.exitCode ?? 0) : failed(error))
  })
  // There is nowhere else to say it: the exit code has to tell.
  process.stderr.on('error', () => {})
}

/** Whether nobody reads the output any more. */
export function isOutputClosed(): boolean {
  return isClosed
}

/** Standard output for much text: written in large pieces, and never faster than it is read. */
export class Output {
  #text = ''

  /** Adds text; wait for the promise if there is one. */
  write(text: string): Promise<void> | undefined {
    this.#text += text
    return this.#text.length < CHUNK ? undefined : this.flush()
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    const text = this.#text
    this.#text = ''
    if (text === '' || isClosed || process.stdout.write(text)) return
    await new Promise<void>(resolve => {
      const goOn = () => {
        process.stdout.off('drain', goOn).off('close', goOn)
        resolve()
      }
      process.stdout.on('drain', goOn).on('close', goOn)
    })
  }
}

/** Prints a text and waits until it is on its way. */
export async function print(text: string): Promise<void> {
  const output = new Output()
  await output.write(`${text}\n`)
  await output.flush()
}
