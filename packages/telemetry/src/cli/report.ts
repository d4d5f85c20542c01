import { setTimeout as sleep } from 'node:timers/promises'
import { report as html } from '../report/report.js'
import type { SourceSnapshot } from '../snapshot.js'
import { goesOn } from '../time.js'
import { EXIT_OK } from './failure.js'
import { print } from './output.js'
import { Pages } from './page.js'

/** Points of the course of a rate. */
const POINTS = 40

/** `report`: an HTML page of what pages hold, and of how the rates of living processes go for some seconds. */
export async function report(
  paths: readonly string[],
  { seconds }: { readonly seconds: number },
): Promise<number> {
  using pages = new Pages(paths)
  const followed = pages.all.map(page => ({ page, snapshots: [] as SourceSnapshot[], look: page.look() }))
  const points = seconds > 0 && followed.some(({ look }) => look.isLive) ? POINTS : 0
  for (let point = 0; point <= points; point += 1) {
    if (point > 0) await sleep((seconds * 1000) / points)
    for (const source of followed) {
      source.look = source.page.look()
      const { snapshot } = source.look
      // One that began anew has another course.
      if (!goesOn(source.snapshots[0], snapshot)) source.snapshots = []
      source.snapshots.push(snapshot)
    }
  }
  const sources = followed.map(({ look, snapshots }) => ({ ...look, snapshots }))
  await print(html(sources, new Date()))
  return EXIT_OK
}
