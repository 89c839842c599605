"""The page's plots as SVG text, by Vega-Lite, without a browser and without a network.

Colours are Okabe and Ito's, which people of any colour vision tell apart.
"""

import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert

from loadtest.record import Record
from loadtest.scenarios import Climb
from loadtest.tally import Tally

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, GREY, BLUE, ORANGE, GREEN, RED = (
    "#222222", "#8a8a8a", "#0072b2", "#e69f00", "#009e73", "#d55e00",
)  # fmt: skip
WIDTH, HEIGHT = 760, 210
LINE, LINES = 14, 4  # height of words beside a rule, and how many lie below one another
CURVES = {"p50": (50.0, GREEN), "p99": (99.0, BLUE), "max": (100.0, ORANGE)}
QUANTILES = (0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 99.999)
NINES = (50, 90, 99, 99.9, 99.99, 99.999)
SHORT = "format(datum.value, abs(datum.value) < 1 ? '~g' : '~s')"  # 0.4 and 15k, not 400m
LEFT = alt.Axis(minExtent=44)  # so that plots over one time stand one above the other
Rows = list[dict[str, Any]]


def svg(chart: Any, name: str) -> str:
    """A chart as SVG that scales to its place; ids start with `name`, since a page has several."""
    axis = {"gridColor": "#eeeeee", "domainColor": GREY, "tickColor": GREY, "labelColor": INK,
            "titleColor": INK, "titleFontWeight": "normal", "labelFontSize": 12,
            "titleFontSize": 12, "labelFlush": False}  # fmt: skip
    legend = {"labelFontSize": 12, "title": None, "orient": "top"}
    config = {"font": FONT, "view": {"stroke": None}, "background": None, "axis": axis,
              "legend": legend, "header": {"labelFontSize": 12, "title": None}}  # fmt: skip
    text: str = vl_convert.vegalite_to_svg({**chart.to_dict(), "config": config})
    return re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{name}-", text)


def latency(record: Record, limit: float | None, name: str) -> str:
    """Percentiles by when requests were due; a rule where an objective draws its line."""
    rows: Rows = [
        {"at": number * record.width, "ms": 1000 * tally.percentile(percent), "curve": curve}
        for number, tally in sorted(record.intervals.items())
        if tally.good
        for curve, (percent, _) in CURVES.items()
    ]
    colours = [colour for _, colour in CURVES.values()]
    start = _chart(rows).encode(
        x=_time(record),
        y=alt.Y("ms:Q", title="milliseconds", scale=alt.Scale(type="log"), axis=LEFT),
        color=alt.Color("curve:N", scale=alt.Scale(domain=list(CURVES), range=colours)),
    )
    # The maximum lies wide below: where few are asked it is the p99 too.
    wide = start.transform_filter("datum.curve == 'max'").mark_line(strokeWidth=4.5, clip=True)
    narrow = start.transform_filter("datum.curve != 'max'").mark_line(
        strokeWidth=1.6, clip=True, point={"size": 14}
    )
    layers = [wide, narrow, *_marks(record)]
    if limit is not None:
        rule = _chart([{"ms": 1000 * limit}]).mark_rule(color=RED, strokeDash=[5, 4])
        layers.append(rule.encode(y="ms:Q"))
    return svg(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT), name)


def requests(record: Record, name: str) -> str:
    """Requests that were due, a second, by how they ended."""
    rows: Rows = [
        {"at": number * record.width, "end": (number + 1) * record.width,
         "rate": count / record.width, "kind": kind}
        for number, tally in sorted(record.intervals.items())
        for kind, count in (("good", tally.good), ("errors", tally.errors))
    ]  # fmt: skip
    scale = alt.Scale(domain=["good", "errors"], range=["#9ecae1", RED])
    bars = (
        _chart(rows)
        .mark_rect(clip=True)
        .encode(
            x=_time(record),
            x2="end:Q",
            y=alt.Y("rate:Q", title="requests a second", stack="zero", axis=LEFT),
            color=alt.Color("kind:N", scale=scale),
            order=alt.Order("kind:N", sort="descending"),
        )
    )
    layered = alt.layer(bars, *_marks(record))
    return svg(layered.properties(width=WIDTH, height=120), name)


def percentiles(kinds: dict[str, Tally], name: str) -> str:
    """The whole distribution; each nine as wide as the one before."""
    rows: Rows = [
        {"nines": 1 / (1 - percent / 100), "ms": 1000 * tally.percentile(percent), "kind": kind}
        for kind, tally in kinds.items()
        for percent in QUANTILES
        if tally.good * (1 - percent / 100) >= 1  # else it is one request's
    ]
    marks = [1 / (1 - nine / 100) for nine in NINES]
    label = "format(100 - 100 / datum.value, '~r') + ' %'"
    axis = alt.Axis(values=marks, labelExpr=label, title="of the good answers")
    chart = (
        _chart(rows)
        .mark_line(strokeWidth=1.8, point={"size": 22})
        .encode(
            x=alt.X("nines:Q", scale=alt.Scale(type="log"), axis=axis),
            y=alt.Y("ms:Q", title="milliseconds", scale=alt.Scale(type="log"), axis=LEFT),
            color=alt.Color("kind:N", scale=alt.Scale(range=[BLUE, ORANGE, GREEN])),
        )
    )
    return svg(chart.properties(width=WIDTH, height=HEIGHT), name)


def ramp(record: Record, climb: Climb, percent: float, limit: float | None, name: str) -> str:
    """A latency over the rate of each step, and where it broke."""
    rows: Rows = [
        {"rate": step.rate, "ms": 1000 * step.tally.percentile(percent),
         "step": "held" if step.rate <= (climb.held or 0) else "broke"}
        for step in record.steps
        if step.tally.good
    ]  # fmt: skip
    scale = alt.Scale(domain=["held", "broke"], range=[BLUE, RED])
    shapes = alt.Scale(domain=["held", "broke"], range=["circle", "cross"])
    x = alt.X(
        "rate:Q",
        title="requests a second",
        scale=alt.Scale(type="log", nice=False, padding=24),
        axis=alt.Axis(values=[row["rate"] for row in rows], format=".3~r", labelOverlap="greedy"),
    )
    y = alt.Y("ms:Q", title=f"p{percent:g}, milliseconds", scale=alt.Scale(type="log"))
    dots = (
        _chart(rows)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color("step:N", scale=scale),
            shape=alt.Shape("step:N", scale=shapes),
        )
    )
    line = _chart(rows).mark_line(color="#cccccc", strokeWidth=1.5).encode(x=x, y=y)
    layers = [line, dots]
    if limit is not None:
        rule = _chart([{"ms": 1000 * limit}]).mark_rule(color=RED, strokeDash=[5, 4])
        layers.append(rule.encode(y="ms:Q"))
    if climb.held and climb.broke:
        band = _chart([{"rate": climb.held, "end": climb.broke}])
        layers.insert(0, band.mark_rect(color=RED, opacity=0.15).encode(x="rate:Q", x2="end:Q"))
    return svg(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT), name)


def series(found: Sequence[tuple[str, list[tuple[float, float]]]], name: str) -> str:
    """One small plot for each of some figures of the service."""
    panels = [
        _chart([{"at": at, "value": value} for at, value in points])
        .mark_line(color=BLUE, strokeWidth=1.5)
        .encode(
            x=alt.X("at:Q", title=None, axis=alt.Axis(tickCount=4)),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=3, labelExpr=SHORT),
                    scale=alt.Scale(zero=False)),
        )
        .properties(width=210, height=70, title=alt.TitleParams(title, fontSize=11, anchor="start"))
        for title, points in found
    ]  # fmt: skip
    return svg(alt.concat(*panels, columns=3).resolve_scale(x="independent"), name)


def _chart(rows: Rows) -> Any:
    return alt.Chart(alt.InlineData(values=rows))


def _time(record: Record) -> alt.X:
    domain = [0, max(record.seconds, record.width)]
    return alt.X(
        "at:Q",
        title="seconds since the start, by when a request was due",
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(tickCount=10),
    )


def _marks(record: Record) -> list[Any]:
    """What happened, as rules with words beside them, each a line lower than the one before."""
    layers = []
    for place, (at, text) in enumerate(record.marks):
        base = _chart([{"at": at, "text": text}]).encode(x="at:Q")
        words = base.mark_text(align="left", dx=4, dy=6, color=INK, fontSize=11, baseline="top")
        layers.append(base.mark_rule(color=INK, strokeDash=[2, 2]))
        layers.append(words.encode(text="text:N", y=alt.value(LINE * (place % LINES))))
    return layers
