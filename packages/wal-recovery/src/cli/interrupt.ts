/** Ctrl-C in the middle of something that has to be ended in order. */

let onInterrupt: (() => void) | undefined

/** Until the function that this gives is called, an interrupt calls `handler` instead of ending the program, once. */
export function handleInterrupt(handler: () => void): () => void {
  onInterrupt = handler
  return () => {
    onInterrupt = undefined
  }
}

/** Passes an interrupt on; false if nobody takes it. */
export function interrupted(): boolean {
  const handler = onInterrupt
  onInterrupt = undefined
  handler?.()
  return handler !== undefined
}
