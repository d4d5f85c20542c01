import test from 'ava'
import { NO_RUNS } from '#src/native.js'
import { WindowViews } from '#src/window-views.js'

function runsIn(buffer: ArrayBuffer) {
  return { ...NO_RUNS, window: () => buffer }
}

test('a window that was seen before gets no new view', t => {
  const views = new WindowViews()
  const view = views.view(7, runsIn(new ArrayBuffer(64)))
  t.is(views.view(7, runsIn(new ArrayBuffer(64))), view)
  t.not(views.view(8, runsIn(new ArrayBuffer(64))), view)
})

test('a window whose buffer was transferred gets a new view', t => {
  const views = new WindowViews()
  const buffer = new ArrayBuffer(64)
  views.view(7, runsIn(buffer))
  structuredClone(buffer, { transfer: [buffer] })
  t.is(views.view(7, runsIn(new ArrayBuffer(64))).byteLength, 64)
})
