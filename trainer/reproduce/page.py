"""The results as one HTML file that needs nothing beside it: no script, no font, no network."""

from collections.abc import Iterator
from html import escape

from trainer.reproduce import plots
from trainer.reproduce.results import Candidate, Case, Finding, Item, Results
from trainer.reproduce.rows import BLOCKS
from trainer.reproduce.sheets import Sheet, sheets
from trainer.reproduce.style import document
from trainer.reproduce.wording import number

VERDICTS = {"holds": "Holds", "fails": "Does not hold", "open": "Not shown"}
QUICK = (
    "A smoke run: one seed, an eighth of the epochs, some of the rows. It shows that everything "
    "works; its figures say nothing about the models."
)


def page(found: Results) -> str:
    """The whole page."""
    title = f"COUPLE on {found.data.name}: the paper's tables and figures, reproduced"
    by_name = {sheet.name: sheet for sheet in sheets(found)}
    parts = (
        _head(found, title),
        _findings(found),
        _protocol(found),
        _table4(found, by_name),
        _ablations(found, by_name),
        _figure4(found, by_name),
        _figure5(found, by_name),
        _figure8(found),
        _curves(found),
        _failures(found),
        _again(found, by_name),
    )
    return document(title, parts)


def _head(found: Results, title: str) -> str:
    banner = f'<p class="banner" role="note"><b>Quick run.</b> {QUICK}</p>' if found.quick else ""
    return (
        f"<h1>{escape(title)}</h1>\n{banner}"
        '<p class="soft">Cross-domain User Preference Learning for Cold-start Recommendation '
        f"(arXiv 2112.03667). <time>{found.date}</time>.</p>"
    )


def _findings(found: Results) -> str:
    parts = []
    for source, title in (("paper", "Of the paper’s claims"), ("project", "Beyond the paper")):  # noqa: RUF001  # typography
        items = [_finding(finding) for finding in found.findings if finding.source == source]
        if items:
            parts.append(f'<h3>{title}</h3>\n<ul class="findings">{"".join(items)}</ul>')
    note = (
        '<p class="soft">Brackets: 95 % interval of the mean difference over users (paired '
        "bootstrap); seeds that both have are averaged first. “Not shown” means that the interval "
        "holds zero.</p>"
    )
    return "<h2>Findings</h2>\n" + "\n".join(parts) + note if parts else ""


def _finding(finding: Finding) -> str:
    return (
        f'<li class="{finding.verdict}"><span class="verdict">{VERDICTS[finding.verdict]}</span>'
        f"<b>{escape(finding.claim)}.</b> {escape(finding.text)}</li>\n"
    )


def _protocol(found: Results) -> str:
    data, machine = found.data, found.machine
    judged = data.judged
    libraries = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
    facts = (
        ("data", f"{data.name}: {data.users:,} users, {data.items:,} items, {data.interactions:,} "
         f"interactions; domains {', '.join(data.domains)}, target {data.target_domain}"),
        ("notes", data.notes),
        ("held out", f"{data.cold_items:,} cold items of the target domain, in no training "
         f"sequence; {judged.get('all', 0):,} judged users ({judged.get('warm', 0):,} warm, "
         f"{judged.get('cold', 0):,} cold), each with one truth"),
        ("learned from", f"{data.training:,} interactions, {data.tags:,} tags"),
        ("data fingerprint", data.fingerprint),
        ("split fingerprint", data.split_fingerprint),
        ("machine", f"{machine.system}, {machine.cores} cores, runs side by "
         f"side: {machine.workers}; Python {machine.python}, {libraries}"),
    )  # fmt: skip
    listed = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>\n" for name, text in facts if text)
    return (
        "<h2>Data and protocol</h2>\n<p>A judged user’s last item of the target domain is cold: "  # noqa: RUF001  # typography
        "no model has met it in training. The history ends before it; from a random half of these "
        "users every target item is taken away, here and in training. All models share the item "
        "tower (the mean of an item’s tags), the data, the loss and the judging; they differ in "  # noqa: RUF001  # typography
        "the user encoder. Choices were made on validation users, never on these.</p>\n"
        f"<dl>{listed}</dl>"
    )


def _table4(found: Results, by_name: dict[str, Sheet]) -> str:
    if "table4" not in by_name:
        return ""
    chart = _figure(
        plots.models(found.table("table4")),
        "HR@10 of every model at each recipe.",
    )
    return _section(
        "Table 4: all models", chart, *(_sheet(by_name[n]) for n in ("table4", "apart", "cost"))
    )


def _ablations(found: Results, by_name: dict[str, Sheet]) -> str:
    names = [name for name in ("table5", "readings", "beyond") if name in by_name]
    return "\n".join(
        _section(by_name[name].title, *_differences(found, name), _sheet(by_name[name]))
        for name in names
    )


def _differences(found: Results, name: str) -> Iterator[str]:
    """A plot of each block of an ablation table."""
    labels = {line.name: line.label for line in found.lines}
    for place, block in enumerate(("", *BLOCKS)):
        rows = {line.name for line in found.table(name) if line.block == block}
        some = [
            c
            for c in found.contrasts
            if c.row in rows
            and (c.group, c.metric) == ("all", "HR@10")
            and not c.against.endswith("/batch")  # one reference a plot; the table has both
        ]
        if some:
            chart = plots.differences(some, labels, f"{name}{place}")
            yield _figure(chart, f"{block or 'Against the base'}.")


def _figure4(found: Results, by_name: dict[str, Sheet]) -> str:
    if "figure4" not in by_name:
        return ""
    charts = []
    for number_, block in enumerate(BLOCKS):
        points = [share for share in found.shares if share.block == block]
        if points:
            chart = plots.shares(points, f"shares{number_}")
            charts.append(_figure(chart, f"{block}. Bars: 95 % interval over users."))
    return _section(by_name["figure4"].title, *charts, _sheet(by_name["figure4"]))


def _figure5(found: Results, by_name: dict[str, Sheet]) -> str:
    charts = []
    for number_, block in enumerate(BLOCKS):
        panels = [cloud for cloud in found.clouds if cloud.block == block]
        if panels:
            chart = plots.clouds(panels, f"clouds{number_}")
            charts.append(
                _figure(chart, f"{block}. Leaf vectors by t-SNE (cosine); the ten parents with "
                        "most users are coloured, size is the number of users.")
            )  # fmt: skip
    if "trees" in by_name:
        charts.append(_sheet(by_name["trees"]))
    return _section("Figure 5: groups of the memory tree", *charts)


def _figure8(found: Results) -> str:
    note = (
        "<p>One user of each kind, drawn at random. Under each retrieved cold item stand the tags "
        "that connect it to the history: the nearest pairs in the tag table that both towers "
        "read, with their cosine.</p>"
    )
    cases = [_case(case) for case in found.cases]
    return _section("Figure 8: retrieval cases", note, *cases) if cases else ""


def _case(case: Case) -> str:
    history = "".join(f"<li>{_item(item)}</li>" for item in case.history)
    candidates = "".join(_candidate(candidate) for candidate in case.candidates)
    return (
        f'<div class="case"><h3>{case.kind.capitalize()}</h3>\n'
        f"<p class=soft>History, oldest first</p><ol>{history}</ol>\n"
        f"<p class=soft>Retrieved; the truth, {_item(case.truth)}, has rank {case.rank:,} of all "
        f"cold items</p><ol>{candidates}</ol></div>"
    )


def _item(item: Item) -> str:
    tags = " ".join(f'<span class="tag">{escape(tag)}</span>' for tag in item.tags[:6])
    return f"{escape(item.name)} <span class=soft>({escape(item.domain)})</span> {tags}"


def _candidate(candidate: Candidate) -> str:
    links = ", ".join(
        f"{escape(link.history)} → {escape(link.candidate)} {number(link.cosine, 2)}"
        for link in candidate.links
    )
    shown = ' class="truth"' if candidate.truth else ""
    return (
        f"<li><span{shown}>{escape(candidate.item.name)}</span> "
        f"<span class=soft>score {number(candidate.score, 2)}; {links}</span></li>"
    )


def _curves(found: Results) -> str:
    charts = []
    for number_, block in enumerate(BLOCKS):
        some = [curve for curve in found.curves if curve.block == block]
        if some:
            chart = plots.curves(some, f"curves{number_}")
            charts.append(_figure(chart, f"{block}, seed 0. Losses compare within a recipe only."))
    return _section("Training curves", *charts) if charts else ""


def _failures(found: Results) -> str:
    if not found.failures:
        return ""
    items = "".join(
        f"<li><code>{escape(f.key)}</code>: {escape(f.message)}</li>" for f in found.failures
    )
    return _section("Runs that failed", f"<ul>{items}</ul>")


def _again(found: Results, by_name: dict[str, Sheet]) -> str:
    keys = {key for line in found.lines for key in line.keys}
    return _section(
        "How to reproduce",
        f"<pre>{escape(found.command)}</pre>",
        f"<p>{len(keys):,} runs are behind this page; the last call took "
        f"{found.seconds / 60:,.0f} minutes by the clock. A run that is recorded is not run again, "
        "and one that was killed goes on where it was. Every number here is in results.json, with "
        "the value of every seed and the settings of every row. What was tried on the way, and "
        "failed, is in the experiment log, docs/experiments.md.</p>",
    )


def _section(title: str, *parts: str) -> str:
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(part for part in parts if part)


def _figure(chart: str, caption: str) -> str:
    return f"<figure><div>{chart}</div>\n<figcaption>{escape(caption)}</figcaption></figure>"


def _sheet(sheet: Sheet) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in sheet.columns)
    body = "\n".join(_rows(sheet))
    return (
        f'<p class="soft"><b>{escape(sheet.title)}.</b> {escape(sheet.note)}</p>\n'
        f'<div class="scroll"><table aria-label="{escape(sheet.title)}">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _rows(sheet: Sheet) -> Iterator[str]:
    block = ""
    for heading, cells in sheet.rows:
        if heading != block:
            block = heading
            yield f'<tr class="block"><td colspan="{len(sheet.columns)}">{escape(block)}</td></tr>'
        ours = ' class="ours"' if cells[0] == "COUPLE" else ""
        yield f"<tr{ours}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
