"""How the page looks: system fonts, one column, tables that scroll sideways on a phone."""

CSS = """
:root { --ink: #222; --soft: #595959; --line: #d9d9d9; --good: #00623f; --bad: #a33c00; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; padding-top: .8rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p { max-width: 46rem; margin: .4rem 0; }
.soft, figcaption { color: var(--soft); font-size: .88rem; }
.met, .missed { font-weight: 700; } .met { color: var(--good); } .missed { color: var(--bad); }
.big { font-size: 1.15rem; }
.scroll { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #efefef; }
th { font-weight: 600; border-bottom: 2px solid var(--ink); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
figure { margin: .8rem 0 1.2rem; overflow-x: auto; }
figure svg { max-width: 100%; height: auto; min-width: 22rem; display: block; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .85rem; }
@media print { body { max-width: none; font-size: 10pt; } figure, tr { break-inside: avoid; } }
"""
