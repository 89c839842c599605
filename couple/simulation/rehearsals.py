"""The experiments that can be rehearsed: what their arms serve, and what their report should find.

aa                 two equal arms: no lift
planted            two equal arms, but in one everything is clicked so much more often: that lift
cold-start         author-CF against the model beside it: more exposure of new items
couple-vs-youtube  the paper's: the same channels, over COUPLE or over YouTube DNN
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from couple.abtest.report import Kind, LiftFigures, Report
from couple.abtest.sheets import SIGNED, percent

CONTROL, TREATMENT = "control", "treatment"
BESIDE = [{"name": "model", "quota": 0.8}, {"name": "author", "quota": 0.2}]
# What runs short is not refilled by the model, which the other arm is there to show.
AUTHOR = [
    {"name": "author", "quota": 1.0}, {"name": "popular", "quota": 0.0},
    {"name": "fresh", "quota": 0.0},
]  # fmt: skip

Arm = Mapping[str, Any]
Verdict = Callable[[Report, float], str]


@dataclass(frozen=True)
class Rehearsal:
    """One of those above; of each arm what it serves, as PUT /experiments/{name} takes it."""

    name: str
    control: Arm
    treatment: Arm
    verdict: Verdict  # of the report, and the lift that was planted
    lift: float = 0.0  # planted unless another is asked for
    models: tuple[str, ...] = ()  # trained on the demo's data; else any bundle in made-up tags

    @property
    def definition(self) -> dict[str, Any]:
        """What is put."""
        arms = {CONTROL: self.control, TREATMENT: self.treatment}
        return {
            "name": self.name,
            "salt": f"{self.name}-1",
            "arms": [{"name": name, "weight": 0.5, **arm} for name, arm in arms.items()],
        }


def _planted(found: Report, lift: float) -> str:
    ctr = _lift(found, "ctr")
    if ctr.low is None or ctr.high is None:
        return "Nothing was clicked: ask for more users or visits."
    inside = ctr.low <= lift <= ctr.high
    return (
        f"Planted: {percent(lift, SIGNED)} of clicks. Found: {_interval(ctr)}, which "
        f"{'holds it' if inside else 'misses it, as one interval in twenty should'}."
    )


def _exposure(found: Report, lift: float) -> str:
    return f"Share of new items: {_interval(_lift(found, 'cold_share'))} relative to author-CF."


def _both(found: Report, lift: float) -> str:
    new = {arm.name: arm.new_items for arm in found.arms}
    cold = _lift(found, "cold_share")
    share = "" if cold.low is None else f", share of new items {_interval(cold)}"
    return (
        f"COUPLE against YouTube DNN: CTR {_interval(_lift(found, 'ctr'))}{share}; "
        f"{new[TREATMENT]:,} different new items shown against {new[CONTROL]:,}."
    )


def _lift(found: Report, kind: Kind) -> LiftFigures:
    return next(lift for lift in found.lifts if lift.arm == TREATMENT and lift.kind == kind)


def _interval(lift: LiftFigures) -> str:
    if lift.relative is None or lift.low is None or lift.high is None:
        return "nothing to compare"
    low, high = percent(lift.low, SIGNED), percent(lift.high, SIGNED)
    return f"{percent(lift.relative, SIGNED)} [{low}, {high}]"


REHEARSALS = {
    one.name: one
    for one in (
        Rehearsal("aa", {}, {}, _planted),
        Rehearsal("planted", {}, {}, _planted, lift=0.2),
        Rehearsal("cold-start", {"channels": AUTHOR}, {"channels": BESIDE}, _exposure),
        Rehearsal(
            "couple-vs-youtube",
            {"bundle": "youtube", "channels": BESIDE},
            {"bundle": "couple", "channels": BESIDE},
            _both,
            models=("couple", "youtube"),
        ),
    )
}
