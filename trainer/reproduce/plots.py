"""The report's plots."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from trainer.reproduce.drawing import (
    BLUE,
    BROWN,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PINK,
    RED,
    SKY,
    TEAL,
    VIOLET,
    YELLOW,
    Rows,
    svg,
)
from trainer.reproduce.results import Cloud, Contrast, Curve, Line, Share
from trainer.reproduce.rows import BLOCKS, MODELS

OF_MODEL = dict(zip(MODELS, (GREY, YELLOW, ORANGE, PINK, GREEN, SKY, BLUE), strict=True))
OF_GROUP = (BLUE, ORANGE, GREEN, RED, PINK, SKY, YELLOW, BROWN, VIOLET, TEAL)
OF_BLOCK = dict(zip(BLOCKS, (RED, BLUE, SKY, GREY), strict=True))
SHAPE_OF_BLOCK = dict(zip(BLOCKS, ("square", "circle", "diamond", "cross"), strict=True))


def models(lines: Sequence[Line]) -> str:
    """Table 4: HR@10 of every model, with the standard deviation over seeds."""
    rows: Rows = []
    for line in lines:
        if not line.metrics:
            continue
        found = line.metrics["all"]["HR@10"]
        sd = found.sd or 0.0
        rows.append({"model": line.label, "recipe": line.block, "value": found.mean,
                     "low": found.mean - sd, "high": found.mean + sd})  # fmt: skip
    order = list(dict.fromkeys(row["model"] for row in rows))
    used = [block for block in BLOCKS if any(row["recipe"] == block for row in rows)]
    start = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("model:N", sort=order, title=None),
        color=alt.Color("recipe:N", title=None, scale=_scale(used, OF_BLOCK),
                        legend=alt.Legend(orient="top", columns=2)),
        yOffset=alt.YOffset("recipe:N", sort=used),
    )  # fmt: skip
    bars = start.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title="HR@10 over all judged users; bars: ± 1 standard deviation of seeds",
                scale=alt.Scale(zero=False)),
        x2="high:Q",
    )  # fmt: skip
    dots = start.mark_point(filled=True, size=70, opacity=1).encode(
        x="value:Q",
        shape=alt.Shape("recipe:N", scale=_scale(used, SHAPE_OF_BLOCK), title=None),
    )
    return svg((bars + dots).properties(width=520, height=alt.Step(14)), "models")


def differences(contrasts: Sequence[Contrast], labels: dict[str, str], name: str) -> str:
    """An ablation: HR@10 of each row less that of the row it is held against."""
    words = {1: "above", 0: "not distinguishable", -1: "below"}
    rows: Rows = [
        {"row": labels[c.row], "value": c.difference, "low": c.low, "high": c.high,
         "standing": words[c.sign]}
        for c in contrasts
    ]  # fmt: skip
    order = [row["row"] for row in rows]
    colours = {"above": BLUE, "not distinguishable": GREY, "below": RED}
    start = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelLimit=400)),
        color=alt.Color("standing:N", title=None, scale=_scale(list(colours), colours),
                        legend=alt.Legend(orient="top")),
    )  # fmt: skip
    bars = start.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title="difference in HR@10; bars: 95 % interval over users"), x2="high:Q"
    )
    dots = start.mark_point(filled=True, size=60, opacity=1).encode(x="value:Q")
    zero = alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(color=INK).encode(x="at:Q")
    return svg((zero + bars + dots).properties(width=360, height=alt.Step(24)), name)


def shares(points: Sequence[Share], name: str) -> str:
    """Figure 4: warm and cold users by the share of source-domain data."""
    rows: Rows = [
        {"share": 100 * p.share, "users": f"{p.group} users", "metric": p.metric,
         "value": p.value, "low": p.low, "high": p.high}
        for p in points
    ]  # fmt: skip
    colours = {"warm users": ORANGE, "cold users": BLUE}
    start = alt.Chart().encode(
        x=alt.X("share:Q", title="source-domain data in training, %",
                scale=alt.Scale(reverse=True, padding=12),
                axis=alt.Axis(values=[100, 75, 50, 25, 0])),
        color=alt.Color("users:N", title=None, scale=_scale(list(colours), colours),
                        legend=alt.Legend(orient="top")),
    )  # fmt: skip
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False))
    bars = start.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    both = bars + start.mark_line().encode(y=y) + start.mark_point(filled=True, size=50).encode(y=y)
    chart = (
        alt.layer(both, data=alt.InlineData(values=rows))
        .properties(width=250, height=200)
        .facet(column=alt.Column("metric:N", title=None))
        .resolve_scale(y="independent")
    )
    return svg(chart, name)


def clouds(found: Sequence[Cloud], name: str) -> str:
    """Figure 5: leaves by t-SNE; of the ten parents with most users each has its colour."""
    panels = alt.hconcat(*map(_cloud, found), spacing=30)
    return svg(panels, name)


def _cloud(cloud: Cloud) -> Any:
    users: dict[int, int] = {}
    for leaf in cloud.leaves:
        users[leaf.parent] = users.get(leaf.parent, 0) + leaf.users
    busiest = sorted(users, key=lambda parent: -users[parent])[: len(OF_GROUP)]
    colours = dict(zip(busiest, OF_GROUP, strict=False))
    rows: Rows = [
        {"x": leaf.x, "y": leaf.y, "colour": colours.get(leaf.parent, PALE),
         "users": leaf.users, "order": leaf.parent in colours}
        for leaf in sorted(cloud.leaves, key=lambda leaf: leaf.parent in colours)
    ]  # fmt: skip
    bare = alt.Axis(labels=False, ticks=False, grid=False, title=None, domain=False)
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, opacity=0.9, stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("x:Q", axis=bare),
            y=alt.Y("y:Q", axis=bare),
            color=alt.Color("colour:N", scale=None),
            size=alt.Size("users:Q", title="users", scale=alt.Scale(range=[18, 260])),
        )
        .properties(width=290, height=270, title=cloud.label)
    )


def curves(found: Sequence[Curve], name: str) -> str:
    """Loss by the share of the run that is done."""
    labels = {label: model for model, label in MODELS.items()}
    rows: Rows = [
        {"model": curve.label, "step": step, "loss": loss}
        for curve in found
        for step, loss in zip(curve.steps, curve.loss, strict=True)
    ]  # fmt: skip
    colours = {curve.label: OF_MODEL[labels[curve.label]] for curve in found}
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeWidth=1.8)
        .encode(
            x=alt.X("step:Q", title="step"),
            y=alt.Y("loss:Q", title="loss, smoothed", scale=alt.Scale(zero=False)),
            color=alt.Color("model:N", title=None, scale=_scale(list(colours), colours)),
        )
        .properties(width=460, height=220)
    )
    return svg(chart, name)


def _scale(names: Sequence[str], marks: dict[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[marks[name] for name in names])
