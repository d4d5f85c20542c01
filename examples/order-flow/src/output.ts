/** Whoever read what is printed has gone, as `head` does: the run is to end, without a word. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone'
}

/** Prints lines to a stream whose other end may be closed. */
export class Output {
  readonly #stream: NodeJS.WritableStream
  #error: NodeJS.ErrnoException | undefined

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
    stream.on('error', error => {
      this.#error = error
    })
  }

  /**
   * Prints a line.
   *
   * @throws ReaderGone when an earlier one has found nobody there; any other error of the stream as it is
   */
  print(line: string): void {
    if (this.#error?.code === 'EPIPE') throw new ReaderGone()
    if (this.#error !== undefined) throw this.#error
    this.#stream.write(`${line}\n`)
  }
}
