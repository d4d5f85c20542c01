// Pictures of pages, light and dark, as wide as a desk and as a phone, as Debian's chromium shows them.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { pictures } from './place.mjs'

const PHONE = { width: 420, scale: 1.7 }

/**
 * Writes `NAME-light.png` and `NAME-dark.png`, and the same for a phone, of the page in `file`; `home` is a folder beside
 * it. `heights` are those of desk and phone. A page without a dark side of its own gets the browser's (`forced`).
 */
export function shoot(home, file, name, { desk, phone, forced = false }) {
  // No window is as narrow as a phone; and a phone has more pixels than it says.
  const framed = join(home, `${name}-phone.html`)
  writeFileSync(framed, frame(pathToFileURL(file).href, phone))
  const small = { width: PHONE.width * PHONE.scale, height: phone * PHONE.scale }
  for (const dark of [false, true]) {
    const theme = dark ? 'dark' : 'light'
    const settings = [
      `preferredColorScheme=${dark ? 0 : 1}`,
      ...(forced && dark ? ['forceDarkModeEnabled=true'] : []),
    ]
    chromium(file, `${name}-${theme}.png`, { width: 1000, height: desk }, settings)
    chromium(framed, `${name}-phone-${theme}.png`, small, settings)
  }
}

function frame(url, height) {
  const style = `width:${PHONE.width}px;height:${height}px;border:0;transform:scale(${PHONE.scale});transform-origin:0 0`
  return `<!doctype html><body style="margin:0"><iframe src="${url}" style="${style}"></iframe>`
}

function chromium(file, name, { width, height }, settings) {
  const { status, stderr, error } = spawnSync(
    'chromium',
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      '--allow-file-access-from-files',
      '--virtual-time-budget=5000',
      `--window-size=${Math.round(width)},${Math.round(height)}`,
      `--blink-settings=${settings.join()}`,
      `--screenshot=${join(pictures, name)}`,
      pathToFileURL(file).href,
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`chromium: ${error?.message ?? stderr}`)
}
