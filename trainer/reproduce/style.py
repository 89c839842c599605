"""How the page looks: system fonts, one column, tables that scroll sideways on a phone."""

from collections.abc import Iterable
from html import escape

CSS = """
:root { --ink: #222; --soft: #595959; --line: #d9d9d9; --pale: #f5f6f7;
  --good: #00623f; --bad: #a33c00; --open: #595959; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--ink);
  background: #fff; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans",
  sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .6rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p, dl, li { max-width: 44rem; }
time { white-space: nowrap; }
.soft, figcaption { color: var(--soft); font-size: .88rem; }
.banner { background: #fff3d6; border: 1px solid #d9b44a; border-radius: 6px;
  padding: .7rem 1rem; max-width: 44rem; }
.banner.sound { background: #e8f4ec; border-color: #7db393; }
.findings { list-style: none; padding: 0; }
.findings li { border-left: 4px solid var(--open); padding: .1rem 0 .1rem .8rem;
  margin: .8rem 0; }
.findings .holds { border-color: var(--good); } .findings .fails { border-color: var(--bad); }
.verdict { font-size: .78rem; font-weight: 700; letter-spacing: .03em; color: var(--open);
  text-transform: uppercase; margin-right: .4rem; }
.holds .verdict { color: var(--good); } .fails .verdict { color: var(--bad); }
.scroll { overflow-x: auto; margin: .3rem 0 1.6rem; }
table { border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .55rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; border-bottom: 2px solid var(--ink); vertical-align: bottom;
  white-space: normal; min-width: 4.2rem; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: #fff; white-space: normal; min-width: 8.5rem; max-width: 17rem; }
tr.block td { font-weight: 600; padding-top: .8rem; color: var(--soft); white-space: nowrap;
  max-width: none; border-bottom: 1px solid var(--line); }
tr.ours td { background: #eef5fb; } tr.ours td:first-child { font-weight: 600; }
td { border-bottom: 1px solid #efefef; }
figure { margin: 1rem 0; } figure > div { overflow-x: auto; }
figure svg { max-width: 100%; height: auto; min-width: 22rem; display: block; }
.case { border: 1px solid var(--line); border-radius: 6px; padding: .3rem 1rem 1rem;
  margin: 1rem 0; }
.case ol { padding-left: 1.3rem; margin: .3rem 0; } .case li { margin: .35rem 0; }
.truth { font-weight: 600; } .truth::after { content: " ← the item they chose next";
  color: var(--good); font-weight: 400; font-size: .88rem; }
.tag { background: var(--pale); border: 1px solid var(--line); border-radius: 3px;
  padding: 0 .3rem; font-size: .8rem; white-space: nowrap; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .85rem; }
pre { background: var(--pale); padding: .7rem 1rem; overflow-x: auto; border-radius: 6px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 36rem) { body { font-size: 15px; padding: 1rem .8rem 3rem; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; }
  th:first-child, td:first-child { min-width: 6.5rem; max-width: 9rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; }
  .scroll, figure > div { overflow: visible; } table { font-size: 7.5pt; }
  th, td { padding: .15rem .3rem; } figure, .case, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; } }
"""


def document(title: str, parts: Iterable[str]) -> str:
    """A page of its own from the parts of its body that are not empty; it loads nothing."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )
