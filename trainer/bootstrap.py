"""Whether A beats B: a paired bootstrap over users.

Two models are judged on the same users, so the difference is taken user by user, and the users are
drawn again with replacement: the interval says what another draw of users could have shown. It says
nothing of another draw of cold items. Several seeds of a model are averaged for each user first.
Shapes: B users, M metrics.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.metrics import Ranks, per_user
from trainer.sequences import Flags

METRICS = ("HR@10", "NDCG@10", "Recall@100")
RESAMPLES = 2000
LEVEL = 95  # per cent of the resamples inside the interval
CELLS = 4_000_000  # counts in memory at once
Values = NDArray[np.float64]


class Interval(NamedTuple):
    """How much better the first model is, and between what bounds that may lie."""

    difference: float
    low: float
    high: float

    @property
    def proven(self) -> bool:
        """Whether zero is outside."""
        return self.low > 0 or self.high < 0


def paired(first: Sequence[Ranks], second: Sequence[Ranks], chosen: Flags) -> dict[str, Interval]:
    """Difference of two models over the chosen users ([B]), by metric.

    Each model is given as the ranks of one or more seeds, all of the same cases in the same order;
    at least one user is chosen. The same ranks give the same interval.
    """
    gaps = (_mean(first) - _mean(second))[chosen]
    low, high = interval(gaps)
    found = zip(METRICS, gaps.mean(axis=0), low, high, strict=True)
    return {name: Interval(*map(float, bounds)) for name, *bounds in found}


def interval(values: Values) -> tuple[Values, Values]:
    """Bounds of the mean of every column of [B, M] over resampled users: low and high [M]."""
    rng, users = np.random.default_rng(0), len(values)
    at_once = max(1, min(RESAMPLES, CELLS // users))
    means = []
    for start in range(0, RESAMPLES, at_once):
        size = min(at_once, RESAMPLES - start)
        times = rng.multinomial(users, np.full(users, 1 / users), size=size)
        means.append(times @ values / users)
    outside = (100 - LEVEL) / 2
    low, high = np.percentile(np.concatenate(means), (outside, 100 - outside), axis=0)
    return low, high


def _mean(seeds: Sequence[Ranks]) -> Values:
    """Every user's metrics, averaged over the seeds: [B, M]."""
    found = [per_user(ranks) for ranks in seeds]
    stacked = [np.mean([values[name] for values in found], axis=0) for name in METRICS]
    return np.stack(stacked, axis=1)
