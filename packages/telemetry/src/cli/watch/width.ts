/** How wide text is on a terminal: some characters take two columns, some none. */
import stringWidth from 'string-width'

const characters = new Intl.Segmenter()

/** The columns that a text takes. */
export function widthOf(text: string): number {
  return stringWidth(text)
}

/** As much of the beginning of a text as these columns hold. */
export function beginning(text: string, columns: number): string {
  let fits = ''
  let width = 0
  for (const { segment } of characters.segment(text)) {
    width += widthOf(segment)
    if (width > columns) break
    fits += segment
  }
  return fits
}

/** The text itself where these columns hold it, else its beginning and a mark that there is more. */
export function clipped(text: string, columns: number): string {
  return widthOf(text) <= columns ? text : `${beginning(text, Math.max(columns - 1, 1))}…`
}
