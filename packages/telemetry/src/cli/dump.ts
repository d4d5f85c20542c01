import { EXIT_OK } from './failure.js'
import { print } from './output.js'
import { Pages } from './page.js'
import { safe, safeLines } from './text.js'

/** `dump`: what pages hold now, for people, or as JSON for programs. */
export async function dump(paths: readonly string[], { json }: { readonly json: boolean }): Promise<number> {
  using pages = new Pages(paths)
  const looked = pages.all.map(page => ({ page, ...page.look() }))
  if (json) {
    const sources = looked.map(({ page, state, snapshot }) => ({ page: page.path, state, ...snapshot }))
    await print(JSON.stringify({ sources }))
    return EXIT_OK
  }
  for (const { page, title, told } of looked) {
    await print(`${safe(title)}: ${safe(told)}\n\n${safeLines(page.dump())}`)
  }
  return EXIT_OK
}
