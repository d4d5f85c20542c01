import { renderToStaticMarkup } from 'preact-render-to-string'
import { utc } from '../figures.js'
import { type ReportSource, Source } from './source.js'
import { STYLE } from './style.js'

/** A page that needs nothing but itself: how latencies and sizes are spread, and how the rates went. */
export function report(sources: readonly ReportSource[], at: Date): string {
  const html = renderToStaticMarkup(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`Write-ahead log: ${sources.map(({ title }) => title).join(', ')}`}</title>
        <style dangerouslySetInnerHTML={{ __html: STYLE }} />
      </head>
      <body>
        <h1>Write-ahead log</h1>
        <p class="dim">Made {utc(at)}</p>
        {sources.map(source => (
          <Source {...source} />
        ))}
      </body>
    </html>,
  )
  return `<!doctype html>\n${html}\n`
}
