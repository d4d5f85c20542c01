/** Pictures one line high, made of blocks. */

const HEIGHTS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** One block a number, the greatest one full; whatever is not zero can be seen. */
export function bars(values: readonly number[]): string {
  const most = Math.max(...values, 0)
  return values
    .map(value => HEIGHTS[most > 0 && value > 0 ? Math.max(1, Math.round((value / most) * 8)) : 0])
    .join('')
}
