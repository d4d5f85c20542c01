/** How a report looks: as wide as a page may be, one column on a phone, in the colours that the reader prefers. */
export const STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1d2327; --dim: #5f6b73; --line: #d9dfe3; --card: #f6f8f9;
  --bar: #2f7fbf; --mark: #c2410c; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --back: #14181b; --text: #e4e8eb; --dim: #9aa6ae; --line: #313a40;
  --card: #1b2125; --bar: #5aa9e6; --mark: #fb923c; --good: #4ac26b; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 75rem; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 0 0 .25rem; } p { margin: .25rem 0; } .dim { color: var(--dim); }
.good { color: var(--good); } .bad { color: var(--bad); }
.tiles, .charts { display: grid; gap: .75rem; margin: 1rem 0; }
.tiles { grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }
.charts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
.tile, figure { margin: 0; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
.tile b { display: block; font-size: 1.15rem; overflow-wrap: anywhere; } figcaption { font-size: .85rem; }
svg { display: block; width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--dim); }
.bar { fill: var(--bar); } .course { fill: none; stroke: var(--bar); stroke-width: 2; stroke-linejoin: round; }
.mark { stroke: var(--mark); stroke-dasharray: 3 2; } svg text.mark { stroke: none; fill: var(--mark); }
.axis { stroke: var(--line); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); }
.number { text-align: right; white-space: nowrap; }
`
