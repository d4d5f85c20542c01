/** Text that is safe to show: what a file or an event says never commands a terminal. */

/** C0, DEL and C1 controls, separators of lines, marks that turn the direction of text, halves of characters. */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** The text with every character that is no plain one written as an escape. */
export function safe(text: string): string {
  return text.replace(UNSAFE, unsafe => SHORT[unsafe] ?? escaped(unsafe))
}

/** As {@link safe}, but with the line breaks it has. */
export function safeLines(text: string): string {
  return text.split('\n').map(safe).join('\n')
}

/** Whether text may be shown as it is: tabs and line breaks are all right. */
export function isPlain(text: string): boolean {
  const rest = text.replace(/[\t\n]/g, '')
  return safe(rest) === rest
}

/** A value as JSON, the same to whoever reads it, and with nothing in it that commands a terminal. */
export function json(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(UNSAFE, unsafe =>
    unsafe === '\n' ? unsafe : escaped(unsafe),
  )
}

function escaped(unsafe: string): string {
  return `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`
}
