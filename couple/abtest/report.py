"""One experiment's report: every figure that its table, its page and its JSON show."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, isfinite
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict
from tea_tasting.aggr import Aggregates

from couple.abtest import statistics
from couple.abtest.served import FACTS, NothingServed, Served, read

LIFTS = (0.02, 0.05, 0.1)  # relative ones that power is asked for
SUSPECT = 0.001  # p of a sample ratio below which something is wrong
Kind = Literal["ctr", "cold_share"]
RATIOS: dict[Kind, tuple[str, str]] = {
    "ctr": ("clicks", "impressions"),
    "cold_share": ("cold", "impressions"),
}


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ArmFigures(_Figures):
    """One arm; a share is None where nothing was shown."""

    name: str
    users: int
    requests: int
    impressions: int
    impressions_per_user: float
    clicks: int
    ctr: float | None
    cold_impressions: int
    cold_share: float | None
    new_items: int
    new_items_median_hours: float | None
    new_items_by_day: tuple[int, ...]


class LiftFigures(_Figures):
    """An arm against the control: relative, with a 95 % interval; None where it has none."""

    arm: str
    kind: Kind
    relative: float | None
    low: float | None
    high: float | None
    p: float | None


class RatioFigures(_Figures):
    """Users of an arm by users of the control, as found and as due."""

    arm: str
    found: float
    due: float
    p: float

    @property
    def suspect(self) -> bool:
        return self.p < SUSPECT


class PowerFigures(_Figures):
    """What a relative lift of CTR needs to be seen with a power of 80 %."""

    lift: float
    users: int
    days: int  # at the pace of new users so far


class AgainFigures(_Figures):
    """The same users divided at random: how often that raised a false alarm."""

    draws: int
    alarms: int
    share: float
    error: float
    sound: bool


class Report(_Figures):
    """Everything."""

    name: str
    control: str
    cold_days: float
    first: str
    last: str
    days: float
    arms: tuple[ArmFigures, ...]
    lifts: tuple[LiftFigures, ...]
    ratios: tuple[RatioFigures, ...]
    power: tuple[PowerFigures, ...]
    again: AgainFigures | None
    left_out: dict[str, int]


@dataclass(frozen=True)
class Options:
    """What is compared, and how."""

    control: str | None = None  # by default the first of the names
    weights: Mapping[str, float] = field(default_factory=dict)  # by default all alike
    cold_days: float = 7.0
    draws: int = 0  # of the A/A check
    seed: int = 0


def report(folder: Path, name: str, options: Options) -> Report:
    """Analyse one experiment of a drained folder.

    Raises:
        NothingServed: there is nothing of it, or no such arm.
    """
    served = read(folder, name, options.cold_days)
    control = _control(served, options)
    sums = {arm: statistics.summed(facts) for arm, facts in served.facts.items()}
    others = [arm for arm in sums if arm != control]
    days = max((served.last - served.first).total_seconds() / 86_400, 1 / 24)
    return Report(
        name=name,
        control=control,
        cold_days=options.cold_days,
        first=served.first.isoformat(timespec="seconds"),
        last=served.last.isoformat(timespec="seconds"),
        days=days,
        arms=tuple(_arm(served, arm) for arm in (control, *others)),
        lifts=tuple(
            _lift(sums[control], sums[arm], arm, kind) for arm in others for kind in RATIOS
        ),
        ratios=tuple(_ratio(sums, control, arm, options.weights) for arm in others),
        power=tuple(_power(sums[control], sums.values(), days)),
        again=_again(served, control, options) if options.draws else None,
        left_out=dict(served.left_out),
    )


def _control(served: Served, options: Options) -> str:
    arms = ", ".join(served.facts)
    for name in [options.control or next(iter(served.facts)), *options.weights]:
        if name not in served.facts:
            raise NothingServed(f"no user was in an arm {name!r}; the arms here are {arms}")
    for arm, facts in served.facts.items():
        if len(facts) < 2:
            raise NothingServed(f"the arm {arm} has fewer than two users: there is no variance yet")
    return options.control or next(iter(served.facts))


def _arm(served: Served, arm: str) -> ArmFigures:
    facts = served.facts[arm]
    impressions, clicks, cold = (int(facts[:, n].sum()) for n in range(len(FACTS)))
    novel = served.novelty[arm]
    return ArmFigures(
        name=arm,
        users=len(facts),
        requests=served.requests[arm],
        impressions=impressions,
        impressions_per_user=impressions / len(facts),
        clicks=clicks,
        ctr=clicks / impressions if impressions else None,
        cold_impressions=cold,
        cold_share=cold / impressions if impressions else None,
        new_items=novel.items,
        new_items_median_hours=novel.median_hours,
        new_items_by_day=novel.by_day,
    )


def _lift(control: Aggregates, other: Aggregates, arm: str, kind: Kind) -> LiftFigures:
    found = statistics.lift(control, other, *RATIOS[kind])
    numbers = {
        name: value if isfinite(value := getattr(found, name)) else None
        for name in ("relative", "low", "high", "p")
    }
    return LiftFigures(arm=arm, kind=kind, **numbers)


def _ratio(
    sums: Mapping[str, Aggregates], control: str, arm: str, weights: Mapping[str, float]
) -> RatioFigures:
    due = weights.get(arm, 1.0) / weights.get(control, 1.0)
    p = statistics.ratio_check(sums[control], sums[arm], due)
    found = sums[arm].count() / sums[control].count()
    return RatioFigures(arm=arm, found=found, due=due, p=p)


def _power(control: Aggregates, every: Iterable[Aggregates], days: float) -> Iterator[PowerFigures]:
    if not control.mean("clicks"):
        return
    users = sum(one.count() for one in every)
    needed = statistics.users_needed(control, *RATIOS["ctr"], LIFTS)
    for lift, count in zip(LIFTS, needed, strict=True):
        yield PowerFigures(lift=lift, users=count, days=ceil(days * count / users))


def _again(served: Served, control: str, options: Options) -> AgainFigures:
    facts = np.concatenate(list(served.facts.values()))
    share = 1 - len(served.facts[control]) / len(facts)
    draws = statistics.divided_anew(facts, share, options.draws, options.seed)
    return AgainFigures(
        draws=draws.count,
        alarms=draws.alarms,
        share=draws.share,
        error=draws.error,
        sound=draws.sound,
    )
