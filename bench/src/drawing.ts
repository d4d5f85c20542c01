// What all drawings have in common.

/** The page that a drawing stands on. */
export type Theme = 'light' | 'dark'
export const THEMES: readonly Theme[] = ['light', 'dark']

export const FONT = 'system-ui, sans-serif'
export const FONT_SIZE = 14

export const COLOURS = {
  light: {
    text: '#1f2328',
    grid: '#d1d9e0',
    page: '#ffffff',
    series: ['#0969da', '#bc4c00', '#6e7781', '#8250df'],
  },
  dark: {
    text: '#e6edf3',
    grid: '#3d444d',
    page: '#0d1117',
    series: ['#4493f8', '#f0883e', '#9198a1', '#ab7df8'],
  },
}

export function axisStyle(theme: Theme) {
  const { text, grid } = COLOURS[theme]
  return {
    labelColor: text,
    titleColor: text,
    domainColor: grid,
    tickColor: grid,
    gridColor: grid,
    labelFont: FONT,
    titleFont: FONT,
    labelFontSize: FONT_SIZE,
    titleFontSize: FONT_SIZE,
    titleFontWeight: 'normal' as const,
  }
}

/** A title with a line below it. */
export function titleStyle(theme: Theme) {
  const { text } = COLOURS[theme]
  return {
    color: text,
    font: FONT,
    fontSize: FONT_SIZE + 2,
    anchor: 'start' as const,
    frame: 'group' as const,
    offset: 12,
    subtitleColor: text,
    subtitleFont: FONT,
    subtitleFontSize: FONT_SIZE,
    subtitlePadding: 5,
  }
}

/** The lines of a logarithmic axis that has room for all values. */
export function powersOfTen(values: readonly number[]): number[] {
  const [first, last] = [
    Math.floor(Math.log10(Math.min(...values))),
    Math.ceil(Math.log10(Math.max(...values))),
  ]
  return Array.from({ length: Math.max(last - first, 1) + 1 }, (_, n) => 10 ** (first + n))
}
