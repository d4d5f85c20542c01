/** Bytes of a snapshot with other values in it, each metric's own, so that every metric is seen moving. */

const HEADER_BYTES = 48
const [OPERATION, LIFE_CYCLE] = [1, 6]

/**
 * The snapshot in `bytes` with these labels and with values that all grow with `step`, whatever is in its catalogue. It is
 * taken apart as the documentation of the protocol says (`crates/telemetry/src/protocol/mod.rs`).
 */
export function movedBytes(
  bytes: Uint8Array,
  step: number,
  labels: Readonly<Record<string, string>>,
): Uint8Array {
  const moved = withLabels(bytes, labels)
  const view = new DataView(moved.buffer)
  let at = endOfLabels(moved)
  let word = view.getUint32(44, true)
  for (let metric = 0; metric < view.getUint32(12, true); metric += 1) {
    const kind = view.getUint8(at + 4)
    const buckets = view.getUint16(at + 6, true)
    const words = view.getUint32(at + 16, true)
    for (const value of valuesOf(kind, buckets, words, metric + 1, step)) {
      view.setBigUint64(word, BigInt(value), true)
      word += 8
    }
    at += 4 + view.getUint32(at, true)
  }
  return moved
}

function valuesOf(kind: number, buckets: number, words: number, metric: number, step: number): number[] {
  const unit = metric * step
  if (buckets > 0) {
    // Sum, least, greatest, buckets; the counts of an operation stand before these.
    const counts = new Array<number>(buckets).fill(0)
    const places = [0, buckets - 1, (metric * 5) % buckets, (metric * 31) % buckets, 120, 121, 123, 130]
    for (const place of places) counts[place] = (counts[place] ?? 0) + unit
    return [
      ...(kind === OPERATION ? [unit * 10, unit] : []),
      unit * 1_234_567,
      1,
      unit * 1_000_000,
      ...counts,
    ]
  }
  if (kind === LIFE_CYCLE) return [unit * 3, unit * 2, unit * 1_000_000_007, unit * 3_000_000_000]
  return new Array<number>(words).fill(unit * 11)
}

function withLabels(bytes: Uint8Array, labels: Readonly<Record<string, string>>): Uint8Array {
  const data = new DataView(bytes.buffer, bytes.byteOffset).getUint32(44, true)
  const texts = Object.entries(labels)
    .flat()
    .map(text => Buffer.from(text))
  const label = Buffer.concat(texts.flatMap(text => [Buffer.from(Uint16Array.of(text.length).buffer), text]))
  const catalogue = bytes.subarray(endOfLabels(bytes), data)
  const before = HEADER_BYTES + label.length + catalogue.length
  const padding = Buffer.alloc(-before & 7)
  const parts = [bytes.subarray(0, HEADER_BYTES), label, catalogue, padding, bytes.subarray(data)]
  const changed = new Uint8Array(Buffer.concat(parts))
  const view = new DataView(changed.buffer)
  view.setUint16(10, Object.keys(labels).length, true)
  view.setBigUint64(16, BigInt(changed.length), true)
  view.setUint32(44, before + padding.length, true)
  return changed
}

function endOfLabels(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  let at = HEADER_BYTES
  for (let text = 0; text < 2 * view.getUint16(10, true); text += 1) at += 2 + view.getUint16(at, true)
  return at
}
