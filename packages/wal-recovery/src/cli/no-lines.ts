/** Between two columns. */
export const GAP = '  '

/** What `cli-table3` draws between cells: nothing but a gap between columns. */
export const NO_LINES = Object.fromEntries([
  ...['top', 'bottom', 'left', 'right', 'mid'].flatMap(side => [
    [side, ''],
    [`${side}-mid`, ''],
    [`${side}-left`, ''],
    [`${side}-right`, ''],
  ]),
  ['middle', GAP],
])
