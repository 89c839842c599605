"""Lifts, their intervals, and what must hold before one believes them: tea-tasting's, by sums.

The user is what is drawn at random, so a ratio of sums over users (clicks by impressions) has the
variance of the delta method (Deng et al., KDD 2018). Everything it needs of an arm are means and
covariances over its users, which is why 400 draws take a second.

Shapes: U users, F facts of each, R draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import tea_tasting as tt
from numpy.typing import NDArray
from tea_tasting.aggr import Aggregates

from couple.abtest.served import FACTS, Facts

LEVEL = 0.95
SAME = 1e-12  # a variance of ratios that rounding alone makes
AT_ONCE = 4_000_000  # users times draws of one product of matrices


@dataclass(frozen=True)
class Lift:
    """A ratio of an arm against the control's; relative, with its interval."""

    control: float
    treatment: float
    relative: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Draws:
    """Users divided anew: so many draws, in which the interval left out zero so often."""

    count: int
    alarms: int

    @property
    def share(self) -> float:
        return self.alarms / self.count

    @property
    def error(self) -> float:
        """Half of the 95 % interval that the share falls into when all is well."""
        due = 1 - LEVEL
        return 1.96 * float(np.sqrt(due * (1 - due) / self.count))

    @property
    def sound(self) -> bool:
        """Whether false alarms are as frequent as they should be."""
        return abs(self.share - (1 - LEVEL)) <= self.error


def summed(facts: Facts) -> Aggregates:
    """One arm: [U, F] → count, means, variances, covariances."""
    (one,) = _aggregates(np.array([len(facts)]), facts.sum(0)[None], (facts.T @ facts)[None])
    return one


def lift(control: Aggregates, arm: Aggregates, above: str, below: str) -> Lift:
    """The ratio of two facts, against the control's.

    Where no user differs from another, as where all that is shown is cold, there is no interval.
    """
    both = [one.with_zero_div() for one in (control, arm)]
    if sum(one.ratio_var(above, below) / one.count() for one in both) < SAME:
        before, after = (float(one.mean(above) / one.mean(below)) for one in both)
        return Lift(before, after, relative=nan, low=nan, high=nan, p=nan)
    found = tt.RatioOfMeans(above, below, confidence_level=LEVEL).analyze_aggregates(control, arm)
    return Lift(
        found.control,
        found.treatment,
        found.rel_effect_size,
        found.rel_effect_size_ci_lower,
        found.rel_effect_size_ci_upper,
        found.pvalue,
    )


def ratio_check(control: Aggregates, arm: Aggregates, weight: float) -> float:
    """p of as many users as these, where the arm should have `weight` times the control's."""
    return float(tt.SampleRatio(weight).analyze({0: control, 1: arm}, 0, 1).pvalue)


def users_needed(control: Aggregates, above: str, below: str, lifts: Sequence[float]) -> list[int]:
    """Users of both arms together that show each relative lift with a power of 80 %."""
    metric = tt.RatioOfMeans(above, below, rel_effect_size=lifts, power=0.8, alpha=1 - LEVEL)
    found = metric.solve_power_from_aggregates(control, "n_obs")
    return [int(one.n_obs) for one in found]


def divided_anew(facts: Facts, share: float, count: int, seed: int) -> Draws:
    """Send each of U users anew to the arm with probability `share`, and test CTR each time."""
    alarms = 0
    draw = np.random.default_rng(seed)
    products = np.einsum("uf,ug->ufg", facts, facts).reshape(len(facts), -1)
    whole = np.hstack([np.ones((len(facts), 1)), facts, products])
    for runs in _portions(count, max(1, AT_ONCE // max(1, len(facts)))):
        chosen = (draw.random((runs, len(facts))) < share).astype(np.float64)
        arm = chosen @ whole
        alarms += sum(_alarms(whole.sum(0) - arm, arm))
    return Draws(count, alarms)


def _portions(count: int, most: int) -> Iterator[int]:
    for start in range(0, count, most):
        yield min(most, count - start)


def _alarms(controls: NDArray[np.float64], arms: NDArray[np.float64]) -> Iterator[bool]:
    """[R, 1 + F + F²] sums of both arms → whether their difference seems to be one."""
    for control, arm in zip(_of_sums(controls), _of_sums(arms), strict=True):
        yield lift(control, arm, "clicks", "impressions").p < 1 - LEVEL


def _of_sums(sums: NDArray[np.float64]) -> Iterator[Aggregates]:
    width = len(FACTS)
    products = sums[:, 1 + width :].reshape(-1, width, width)
    yield from _aggregates(sums[:, 0], sums[:, 1 : 1 + width], products)


def _aggregates(
    counts: NDArray[np.float64] | NDArray[np.int64],
    sums: NDArray[np.float64],
    products: NDArray[np.float64],
) -> Iterator[Aggregates]:
    """[R], [R, F], [R, F, F] → one a draw."""
    means = sums / counts[:, None]
    spread = products - counts[:, None, None] * means[:, :, None] * means[:, None, :]
    covariances = spread / (counts[:, None, None] - 1)
    pairs = [(i, j) for i in range(len(FACTS)) for j in range(i)]
    for count, mean, covariance in zip(counts, means, covariances, strict=True):
        yield Aggregates(
            int(count),
            dict(zip(FACTS, mean.tolist(), strict=True)),
            dict(zip(FACTS, np.diag(covariance).tolist(), strict=True)),
            {(FACTS[i], FACTS[j]): float(covariance[i, j]) for i, j in pairs},
        )
