"""The page's plots: lifts with their intervals, and new items over the days."""

import altair as alt

from couple.abtest.report import Report
from trainer.reproduce.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PINK,
    RED,
    SKY,
    TEAL,
    VIOLET,
    YELLOW,
    Rows,
    svg,
)

COLOURS = (GREY, BLUE, ORANGE, GREEN, PINK, RED, SKY, YELLOW, VIOLET, TEAL)  # the control's first
KINDS = {"ctr": "CTR", "cold_share": "share of cold items"}


def lifts(found: Report) -> str:
    """Each arm against the control, in percent; a bar that does not cross zero is a difference."""
    rows: Rows = [
        {"what": f"{lift.arm}: {KINDS[lift.kind]}", "value": 100 * lift.relative,
         "low": 100 * lift.low, "high": 100 * lift.high,
         "standing": _standing(lift.low, lift.high)}
        for lift in found.lifts
        if lift.relative is not None and lift.low is not None and lift.high is not None
    ]  # fmt: skip
    if not rows:
        return ""
    colours = {"above": BLUE, "not distinguishable": GREY, "below": RED}
    start = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("what:N", sort=[row["what"] for row in rows], title=None,
                axis=alt.Axis(labelLimit=400)),
        color=alt.Color("standing:N", title=None, legend=alt.Legend(orient="top"),
                        scale=alt.Scale(domain=list(colours), range=list(colours.values()))),
    )  # fmt: skip
    title = f"relative to {found.control}, %; bars: 95 % interval"
    bars = start.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    dots = start.mark_point(filled=True, size=60, opacity=1).encode(x="value:Q")
    zero = alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(color=INK).encode(x="at:Q")
    return svg((zero + bars + dots).properties(width=360, height=alt.Step(28)), "lifts")


def new_items(found: Report) -> str:
    """New items that each arm had shown by the end of each day."""
    rows: Rows = [
        {"arm": arm.name, "day": day, "items": items}
        for arm in found.arms
        for day, items in enumerate((0, *arm.new_items_by_day))
    ]
    names = [arm.name for arm in found.arms]
    days = max(len(arm.new_items_by_day) for arm in found.arms)
    # The control's line is whole, so it shows through where another lies on it.
    dashes = alt.Scale(domain=names, range=[[1, 0], *[[5, 4]] * (len(names) - 1)])
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeWidth=1.8, point=True)
        .encode(
            x=alt.X("day:Q", title="day of the experiment",
                    axis=alt.Axis(tickCount=min(days, 14), format="d")),
            y=alt.Y("items:Q", title="distinct new items shown"),
            color=alt.Color("arm:N", title=None, sort=names,
                            legend=alt.Legend(symbolType="stroke", symbolSize=300),
                            scale=alt.Scale(domain=names, range=list(COLOURS[: len(names)]))),
            strokeDash=alt.StrokeDash("arm:N", title=None, sort=names, scale=dashes),
        )
        .properties(width=460, height=220)
    )  # fmt: skip
    return svg(chart, "items")


def _standing(low: float, high: float) -> str:
    if low > 0:
        return "above"
    return "below" if high < 0 else "not distinguishable"
