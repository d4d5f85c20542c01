import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'

/**
 * The last event id that `append` returned to the recording process, told to the parent through a file of 8 bytes.
 * What was written there before a SIGKILL is there afterwards.
 */
export class Acknowledgement {
  readonly #fd: number
  readonly #id = new Float64Array(1)

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Makes the file, saying 0. */
  static create(path: string): Acknowledgement {
    const made = new Acknowledgement(openSync(path, 'w+'))
    ftruncateSync(made.#fd, 8)
    return made
  }

  /** Opens the file that the parent has made. */
  static open(path: string): Acknowledgement {
    return new Acknowledgement(openSync(path, 'r+'))
  }

  /** Says that everything up to `id` was acknowledged. */
  write(id: number): void {
    this.#id[0] = id
    writeSync(this.#fd, this.#id, 0, 8, 0)
  }

  /** The last id acknowledged. */
  read(): number {
    readSync(this.#fd, this.#id, 0, 8, 0)
    return this.#id[0] ?? 0
  }

  close(): void {
    closeSync(this.#fd)
  }
}
