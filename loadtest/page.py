"""What a load test found, as one HTML file that needs nothing beside it: no script, no network."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from itertools import pairwise

from loadtest import plots
from loadtest.connection import HUNG_UP
from loadtest.drive import Outcome
from loadtest.metrics import Series
from loadtest.style import CSS
from loadtest.tally import GOOD, UNANSWERED, Tally

SHOWN = (50, 90, 99, 99.9, 100)
MOST_SERIES = 18
LATE_S = 0.05  # a generator that was held up for longer says so in bold
NAMES = {HUNG_UP: "no connection, or it ended", UNANSWERED: "no answer until the end"}
LOOPS = {
    "open": "Open loop: callers come at random (Poisson) whether or not others are answered, and "
    "each is measured from when it was due, so a stall counts for everyone it delays.",
    "closed": "Closed loop (Locust): each user waits for an answer before asking again, so whoever "
    "would have come during a stall is missing here; the open loop counts them.",
}


@dataclass(frozen=True)
class About:
    """What stands at the top."""

    service: dict[str, str]
    date: str
    command: str


def page(about: About, outcomes: Sequence[Outcome]) -> str:
    """The whole page."""
    title = "COUPLE under load"
    parts = [_head(about, outcomes, title)]
    parts += [_scenario(number, outcome) for number, outcome in enumerate(outcomes)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _head(about: About, outcomes: Sequence[Outcome], title: str) -> str:
    met = all(outcome.met for outcome in outcomes)
    word = _verdict(met, "Every objective is met.", "Objectives are missed.")
    facts = " · ".join(f"{name} {escape(value)}" for name, value in about.service.items())
    rows = [
        [outcome.scenario.name, *_figures(outcome.record.total, outcome.record.seconds),
         _verdict(outcome.met, "met", "missed")]
        for outcome in outcomes
    ]  # fmt: skip
    return (
        f'<h1>{title}</h1>\n<p class="big">{word}</p>\n'
        f'<p class="soft">{facts}<br>{escape(about.date)} · <code>{escape(about.command)}</code>'
        f"</p>\n{_table(['scenario', *_columns(), 'objectives'], rows)}\n"
        f'<p class="soft">{LOOPS[outcomes[0].loop]} Latencies are those of good answers; whatever '
        "is not 2xx is an error.</p>"
    )


def _scenario(number: int, outcome: Outcome) -> str:
    record, name = outcome.record, f"s{number}"
    limit = _limit(outcome)
    parts = [
        f"<h2>{outcome.scenario.name.capitalize()}</h2>",
        f"<p>{escape(outcome.scenario.says)} {outcome.rate:,.4g} requests a second"
        f"{' to begin with' if outcome.climb else ''}, {record.seconds:,.0f}&nbsp;s.</p>",
        *_ramp(outcome, f"{name}r"),
        _objectives(outcome),
        _figure(plots.latency(record, limit[1], f"{name}l"), "Latency over time."),
        _figure(plots.requests(record, f"{name}q"), "Requests over time."),
        _figure(plots.percentiles(record.kinds, f"{name}p"), "Latency by percentile."),
        _kinds(outcome),
        _errors(record.total),
        _generator(outcome),
        _series(outcome.series, f"{name}m"),
    ]
    return "\n".join(part for part in parts if part)


def _limit(outcome: Outcome) -> tuple[float, float | None]:
    """The percentile that the objectives speak of, and its limit; p99 where they do not."""
    for one in outcome.objectives:
        if one.name != "errors":
            return (100.0 if one.name == "max" else float(one.name[1:])), one.limit
    return 99.0, None


def _ramp(outcome: Outcome, name: str) -> Iterator[str]:
    if not outcome.climb:
        return
    yield f'<p class="big"><b>Breaking point: {escape(outcome.climb.said)}.</b></p>'
    chart = plots.ramp(outcome.record, outcome.climb, *_limit(outcome), name)
    yield _figure(chart, "Each step of the ramp; the band holds the breaking point.")
    rows = [
        [f"{step.rate:,.0f}/s", *_figures(step.tally, None)]
        for step in sorted(outcome.record.steps, key=lambda step: step.rate)
    ]
    yield _table(["step", *_columns()[:1], *_columns()[2:]], rows)


def _objectives(outcome: Outcome) -> str:
    where = ", in the first step" if outcome.climb else ""
    rows = [
        [escape(text), found, _verdict(met, "met", "missed")]
        for text, found, met in outcome.verdicts
    ]
    return _table([f"objective{where}", "found", ""], rows) if rows else ""


def _kinds(outcome: Outcome) -> str:
    seconds = outcome.record.seconds
    rows = [[kind, *_figures(tally, seconds)] for kind, tally in outcome.record.kinds.items()]
    return _table(["call", *_columns()], rows)


def _columns() -> list[str]:
    shown = ["max" if percent == 100 else f"p{percent:g}" for percent in SHOWN]
    return ["requests", "good/s", *(f"{name}, ms" for name in shown), "errors", "degraded"]


def _figures(tally: Tally, seconds: float | None) -> list[str]:
    """As `_columns` names them; without a rate where no time is given."""
    rate = [] if seconds is None else [f"{tally.good / max(seconds, 1e-9):,.1f}"]
    times = [f"{1000 * tally.percentile(p):,.1f}" if tally.good else "–" for p in SHOWN]  # noqa: RUF001  # typography
    return [f"{tally.count:,}", *rate, *times, f"{tally.errors:,}", f"{tally.degraded:,}"]


def _errors(tally: Tally) -> str:
    rows = [
        [_status(status), f"{count:,}"]
        for status, count in sorted(tally.statuses.items())
        if status not in GOOD
    ]
    return _table(["errors", "requests"], rows) if rows else ""


def _status(status: int) -> str:
    if status in NAMES:
        return NAMES[status]
    known = status in HTTPStatus._value2member_map_
    return f"{status} {HTTPStatus(status).phrase}" if known else str(status)


def _generator(outcome: Outcome) -> str:
    worst = max(outcome.record.pauses, default=0.0)
    if outcome.loop != "open":
        return ""
    said = f"The generator itself was held up for {1000 * worst:,.0f} ms at worst"
    if worst > LATE_S:
        return (
            f'<p class="soft"><b>{said}</b>: latencies up to that may be its own. Give it a '
            "processor of its own.</p>"
        )
    return f'<p class="soft">{said}.</p>'


def _series(series: Series, name: str) -> str:
    title = "<h3>The service's own figures</h3>"
    if not series.values:
        why = series.why or "/metrics did not answer"
        return f'{title}<p class="soft">None: {escape(why)}.</p>'
    found = list(_moving(series))[:MOST_SERIES]
    if not found:
        return f'{title}<p class="soft">Nothing that /metrics shows has moved.</p>'
    return title + _figure(plots.series(found, name), "From /metrics, over the same seconds.")


def _moving(series: Series) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Counters as rates, others as they are; what never moved says nothing. Ours come first."""
    names = sorted(series.values, key=lambda name: (not name.startswith("couple"), name))
    for name in names:
        points = series.values[name]
        if len({value for _, value in points}) < 2:
            continue
        if series.kind(name) != "counter":
            yield name, points
            continue
        rates = [(b[0], (b[1] - a[1]) / (b[0] - a[0])) for a, b in pairwise(points)]
        yield f"{name}, a second", rates


def _verdict(met: bool, yes: str, no: str) -> str:
    return f'<span class="{"met" if met else "missed"}">{yes if met else no}</span>'


def _figure(chart: str, caption: str) -> str:
    return f"<figure>{chart}\n<figcaption>{escape(caption)}</figcaption></figure>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>'
        "</table></div>"
    )
