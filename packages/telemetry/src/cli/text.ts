/** C0, DEL and C1 controls, separators of lines, marks that turn the direction of text, halves of characters. */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** The text with what commands a terminal written as escapes: labels come from paths, and a page from anybody. */
export function safe(text: string): string {
  return text.replace(UNSAFE, unsafe => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** As {@link safe}, but with the line breaks it has. */
export function safeLines(text: string): string {
  return text.split('\n').map(safe).join('\n')
}
