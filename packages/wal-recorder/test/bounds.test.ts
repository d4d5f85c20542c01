/** The bounds of options: those that are told before the addon is asked, and those that the addon has. */
import test from 'ava'
import { Recorder } from '#src/index.js'
import { loadBinding } from '#src/native.js'
import { scratch } from './programs.js'

const { directory, remove } = scratch()
test.after.always(remove)

/** The most that the addon's numbers hold: beyond there is only the bound of the package. */
const MOST = 0xffff_ffff

const bounds: readonly (readonly [option: string, least: number, most: number])[] = [
  ['blockBytes', 64, 1_048_576],
  ['preparedSegments', 1, 64],
  ['syncIntervalMs', 1, MOST],
  ['syncBytes', 1, MOST],
  ['spinUs', 0, 1000],
  ['fileMode', 0o600, 0o777],
  ['compressionLevel', 1, 19],
]

/** Options with this one; segments are as small as they can be beside it, since all of them are made. */
function options(option: string, value: number) {
  const segments =
    option === 'blockBytes'
      ? { segmentBytes: 2_097_152, preparedSegments: 1 }
      : { segmentBytes: 8192, blockBytes: 64 }
  return { dir: directory(), ...segments, [option]: value }
}

/** The same as users give it. */
function given(option: string, value: number) {
  return option === 'compressionLevel'
    ? { dir: directory(), compression: { level: value } }
    : options(option, value)
}

for (const [option, least, most] of bounds) {
  test(`the package and the addon have the same bounds of ${option}`, async t => {
    const { open } = loadBinding()
    const refused = { code: 'WAL_UNSUPPORTED' }
    for (const value of [least, most]) await (await Recorder.open(given(option, value))).close()
    for (const value of [least - 1, most + 1]) {
      const told = { ...refused, message: /^Recorder\.open.*: it takes / }
      await t.throwsAsync(Recorder.open(given(option, value)), told, `${value}`)
      if (value < 0 || value > MOST) continue
      t.throws(() => open(options(option, value), () => {}), refused, `${value}`)
    }
  })
}
