// Numbers in the units that a Grafana dashboard names, as Grafana writes them.

const SI = [
  [1e-9, 'n'],
  [1e-6, 'µ'],
  [1e-3, 'm'],
  [1, ''],
  [1e3, 'k'],
  [1e6, 'M'],
  [1e9, 'G'],
]
const IEC = [
  [1, ''],
  [2 ** 10, 'Ki'],
  [2 ** 20, 'Mi'],
  [2 ** 30, 'Gi'],
]
const THOUSANDS = [
  [1, ''],
  [1e3, 'K'],
  [1e6, 'M'],
  [1e9, 'B'],
]
const upwards = SI.slice(3)

const UNITS = {
  short: value => counted(value, ''),
  locale: value => value.toLocaleString('en'),
  percentunit: value => `${digits(value * 100)} %`,
  s: value => scaled(value, SI.slice(0, 4), 's'),
  bytes: value => scaled(value, IEC, 'B'),
  Bps: value => scaled(value, upwards, 'B/s'),
  cps: value => counted(value, 'c/s'),
  eps: value => counted(value, 'evt/s'),
  ops: value => counted(value, 'ops/s'),
}

/** How values of this unit are written. */
export function writerOf(unit) {
  const write = UNITS[unit]
  if (write === undefined)
    throw new Error(`the dashboard names the unit ${unit}, which scripts/pictures/units.mjs lacks`)
  return write
}

/** 1.5 ms. */
function scaled(value, scales, unit) {
  const [by, prefix] = scaleOf(value, scales)
  return `${digits(value / by)} ${prefix}${unit}`
}

/** 1.5K ops/s. */
function counted(value, unit) {
  const [by, prefix] = scaleOf(value, THOUSANDS)
  return `${digits(value / by)}${prefix} ${unit}`.trimEnd()
}

function scaleOf(value, scales) {
  return scales.findLast(([at]) => Math.abs(value) >= at * 0.9999) ?? scales.find(([at]) => at === 1)
}

function digits(value) {
  return String(Number(value.toPrecision(3)))
}
