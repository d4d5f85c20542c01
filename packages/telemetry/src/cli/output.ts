import pc from 'picocolors'

/** Colours for this stream: none where it is no terminal, or `NO_COLOR` is set, or the terminal knows none. */
export function colours(stream: NodeJS.WriteStream) {
  const { NO_COLOR, TERM } = process.env
  return pc.createColors(stream.isTTY === true && !NO_COLOR && TERM !== 'dumb')
}

/** Prints a text and waits until it is on its way. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`, error =>
      error ? reject(error) : resolve(),
    )
  })
}
