// Prometheus' own page of the alerts, with one of those that fire opened.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { shoot } from './browser.mjs'
import { untilFiring } from './prometheus.mjs'

const FIRING = ['WalAppendsRefused', 'WalRecoveryIntegrityFailures']
const OPENED = 'WalRecoveryIntegrityFailures'

/** It breaks no line of a rule and has all cells side by side, so that it would be wider than a phone. */
const FIT = `<style>
  #alertsTable { table-layout: fixed } pre { white-space: pre-wrap }
  @media (max-width: 500px) {
    .alert_elements_table td { display: block } .alert_elements_table tr:first-child { display: none }
  }
</style>`

/** Clicks as a reader would. */
const CLICKS = `<script>addEventListener('load', () => {
  document.querySelector('.show-annotations').click()
  for (const header of document.querySelectorAll('.alert_header'))
    if (header.querySelector('b').textContent === '${OPENED}') header.click()
})</script>`

/** Draws them as soon as what has failed in the log is known to Prometheus. */
export async function alerts(home, url) {
  await untilFiring(url, FIRING)
  // As Debian builds it, it has this page and no newer one.
  const response = await fetch(`${url}/classic/alerts`)
  if (!response.ok) throw new Error(`Prometheus has no page of alerts: ${response.status}`)
  const html = await response.text()
  const file = join(home, 'alerts.html')
  const fitted = html.replace('</head>', `${FIT}</head>`).replace('</body>', `${CLICKS}</body>`)
  writeFileSync(file, fitted.replace('<head>', `<head><base href="${url}">`))
  shoot(home, file, 'alerts', { desk: 1000, phone: 1300, forced: true })
}
