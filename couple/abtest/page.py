"""The report as one HTML file that needs nothing beside it: no script, no font, no network."""

import re
from html import escape

from couple.abtest import charts
from couple.abtest.report import Report
from couple.abtest.sheets import Check, Sheet, checks, sheets, span
from trainer.reproduce.style import document

NO_BREAK = "\u00a0"


def page(found: Report) -> str:
    """The whole page."""
    title = f"Experiment {found.name}"
    by_title = {sheet.title: _sheet(sheet) for sheet in sheets(found)}
    lifts, new_items = charts.lifts(found), charts.new_items(found)
    parts = (
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{span(found)}; '
        f"control: {escape(found.control)}. Forced arms are left out.</p>",
        *map(_banner, checks(found)),
        "<h2>Lifts</h2>",
        _figure(lifts, "Each arm against the control.") if lifts else "",
        by_title.pop("Lifts", ""),
        "<h2>Arms</h2>",
        by_title.pop("Arms"),
        "<h2>New items</h2>",
        _figure(new_items, "Distinct new items shown by the end of each day."),
        "<h2>Checks</h2>",
        *by_title.values(),
    )
    return document(title, parts)


def _banner(check: Check) -> str:
    kind = "banner sound" if check.sound else "banner"
    return f'<p class="{kind}" role="note">{_prose(check.text)}</p>'


def _prose(text: str) -> str:
    """For the page; a number and its unit stay on one line."""
    return escape(re.sub(r"(?<=\d) (?=%)", NO_BREAK, text))


def _figure(chart: str, caption: str) -> str:
    return f"<figure><div>{chart}</div>\n<figcaption>{_prose(caption)}</figcaption></figure>"


def _sheet(sheet: Sheet) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in sheet.columns)
    rows = "\n".join(
        f"<tr>{''.join(f'<td>{_prose(cell)}</td>' for cell in row)}</tr>" for row in sheet.rows
    )
    return (
        f'<p class="soft"><b>{escape(sheet.title)}.</b> {_prose(sheet.note)}</p>\n'
        f'<div class="scroll"><table aria-label="{escape(sheet.title)}">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )
