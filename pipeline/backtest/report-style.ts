/** Style of the page: light, readable at any width and on paper, nothing loaded. */
export const PAGE_STYLE = `
:root { color-scheme: light; --ink: #1c2026; --soft: #565d68; --line: #dfe2e7; --panel: #f6f7f9; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.5;
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
header, main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 0; }
main { padding-bottom: 4rem; }
h1 { margin: 0 0 .25rem; font-size: 1.75rem; line-height: 1.2; }
h2 { margin: 0 0 .25rem; font-size: 1.2rem; }
h3 { margin: 1.25rem 0 .5rem; font-size: 1rem; }
h4 { margin: .75rem 0 .25rem; font-size: .95rem; }
.lead { margin: 0 0 1rem; color: var(--soft); font-size: 1.1rem; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0; padding: .75rem 0; border-block: 1px solid var(--line); }
.facts dt { color: var(--soft); font-size: .8rem; }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
section, figure { margin: 0 0 2.5rem; }
figcaption p { margin: 0 0 .75rem; color: var(--soft); }
figure > svg { display: block; width: 100%; height: auto; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; }
.tile { padding: .75rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; }
.tile h2 { color: var(--soft); font-size: .85rem; font-weight: 600; }
.tile .value { margin: 0; font-size: 1.6rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile .note { margin: 0; color: var(--soft); font-size: .85rem; }
.alarm { padding: .75rem 1rem; color: #7a1220; background: #fdecee; border: 1px solid #e5a3ab; border-radius: .5rem; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
td { white-space: nowrap; }
th:first-child { text-align: left; font-weight: 500; }
thead th { color: var(--soft); font-weight: 600; font-size: .8rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--soft); }
.sample { padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .5rem; }
.sample summary { color: inherit; }
.sample ol { margin: 0; padding-left: 1.25rem; }
.sample li p { margin: .5rem 0 .25rem; }
.rule { color: var(--soft); }
code { font: .95em ui-monospace, "DejaVu Sans Mono", monospace; }
@media print { details { break-inside: avoid; } figure, .tile { break-inside: avoid; } }
`;
