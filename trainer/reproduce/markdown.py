"""The report's tables and findings in Markdown, for docs/results.md.

No item and no user of the data set is in it: a data set's licence may forbid passing them on.
"""

from collections.abc import Iterator

from trainer.reproduce.results import Results
from trainer.reproduce.sheets import Sheet, sheets

VERDICTS = {"holds": "Holds", "fails": "**Does not hold**", "open": "Not shown"}


def markdown(found: Results) -> str:
    """The whole text."""
    data, machine = found.data, found.machine
    judged = ", ".join(f"{count:,} {group}" for group, count in data.judged.items())
    lines = [
        f"## {data.name}" + (" (a smoke run: its figures say nothing)" if found.quick else ""),
        "",
        f"{found.date}, {machine.system}, {machine.cores} cores. Judged users: {judged}; "
        f"{data.cold_items:,} cold items. Data `{data.fingerprint[:16]}`, split "
        f"`{data.split_fingerprint[:16]}`.",
        "",
        "```text",
        found.command,
        "```",
        "",
        *(f"- {VERDICTS[f.verdict]}: {f.claim}. {f.text}" for f in found.findings),
    ]
    for sheet in sheets(found):
        lines += ["", *_table(sheet)]
    return "\n".join(lines) + "\n"


def _table(sheet: Sheet) -> Iterator[str]:
    yield f"### {sheet.title}"
    yield ""
    yield sheet.note
    yield ""
    yield _row(sheet.columns)
    yield _row(tuple("---" for _ in sheet.columns))
    block = ""
    for heading, cells in sheet.rows:
        if heading != block:
            block = heading
            yield _row((f"*{block}*", *("" for _ in sheet.columns[1:])))
        yield _row(cells)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
