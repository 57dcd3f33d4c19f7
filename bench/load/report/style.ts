/** The report's style sheet, with a light and a dark colour scheme. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --quiet: #5c6670; --paper: #fff; --line: #d8dde2;
  --ours: #2266cc; --others: #9aa5b1; --range: #1c2024; --good: #1a7f4b; --bad: #b3261e;
  --note: #fff6dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --quiet: #9aa5b1; --paper: #14171a;
  --line: #333a41; --ours: #6aa5ff; --others: #56616c; --range: #e6e9ec; --good: #59c78f;
  --bad: #ff8a80; --note: #3a3110; } }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 2rem 0 .25rem; } p { margin: .5rem 0; }
.quiet { color: var(--quiet); } .banner { background: var(--note); padding: .75rem 1rem;
  border-radius: .375rem; font-weight: 600; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { font-weight: 600; color: var(--quiet); }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.met { color: var(--good); font-weight: 600; } td.missed { color: var(--bad); font-weight: 600; }
svg { width: 100%; max-width: 45rem; height: auto; display: block; margin: .5rem 0; }
code { font-size: .9em; }
`;

/** The colours of a stand-alone chart. */
export const CHART_COLOURS = `
svg { --ink: #1c2024; --range: #1c2024; --quiet: #5c6670; --line: #d8dde2; --ours: #2266cc;
  --others: #9aa5b1; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e9ec; --range: #e6e9ec; --quiet: #9aa5b1;
  --line: #333a41; --ours: #6aa5ff; --others: #56616c; } }
`;
