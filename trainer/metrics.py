"""HR@k and NDCG@k against sampled negatives, Recall@k over the whole pool of candidates (§4.1.3).

Sampled metrics can reorder models (Krichene & Rendle, KDD 2020); the full ones stand beside them.
Shapes: B cases, C candidates, P items of the pool, M negatives of a case.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.sequences import Numbers, Sequences
from trainer.split import Case, Split

UNIFORM = 50
POPULAR = 50
Scores = NDArray[np.float32]
# B histories of item numbers (oldest first), C candidates → scores [B, C].
Scorer = Callable[[Sequence[Numbers], Numbers], Scores]


class Ranks(NamedTuple):
    """Rank of the truth from 0, one number a judged user."""

    sampled: Numbers  # among the sampled negatives
    full: Numbers  # among all of the pool


def allowed(whole: Sequences, cases: Sequence[Case], pool: Numbers) -> NDArray[np.bool_]:
    """Which pool items can stand against each case's truth: [B, P].

    Not the truth itself, and nothing the user ever met. `pool` is ascending.
    """
    mask = np.ones((len(cases), len(pool)), dtype=np.bool_)
    for row, case in zip(mask, cases, strict=True):
        met = whole[case.user]
        at = np.searchsorted(pool, met)
        inside = at < len(pool)
        hit = at[inside][pool[at[inside]] == met[inside]]
        row[hit] = False
    return mask


def negatives(split: Split, pool: Numbers, seed: int) -> list[Numbers]:
    """For each case, 50 pool items drawn uniformly and 50 by popularity, no item twice.

    Every pool item has been met by somebody. A pool that is too small gives what it has.
    → B arrays of positions in `pool`.
    """
    rng = np.random.default_rng(seed)
    size = int(pool.max(initial=-1)) + 1
    log_popularity = np.log(split.whole.counts(size)[pool])
    drawn = []
    for case in split.cases:
        free = rng.permutation(np.flatnonzero(allowed(split.whole, [case], pool)[0]))
        uniform, rest = free[:UNIFORM], free[UNIFORM:]
        keys = log_popularity[rest] + rng.gumbel(size=len(rest))  # Gumbel top-k: no replacement
        drawn.append(np.concatenate([uniform, rest[np.argsort(-keys)[:POPULAR]]]))
    return drawn


def rank(truth: np.float32, others: Scores, rng: np.random.Generator) -> int:
    """Rank of the truth among the others, from 0; ties fall at random, NaN counts as worst."""
    return int((~(others <= truth)).sum() + rng.integers(0, (others == truth).sum() + 1))


def per_user(ranks: Ranks) -> dict[str, NDArray[np.float64]]:
    """Every metric's value for each of B cases: [B] by name; their mean is the metric."""
    hits = {f"HR@{k}": (ranks.sampled < k).astype(np.float64) for k in (5, 10)}
    gains = {f"NDCG@{k}": _gain(ranks.sampled, k) for k in (5, 10)}
    found = {f"Recall@{k}": (ranks.full < k).astype(np.float64) for k in (10, 50, 100)}
    return {**hits, **gains, **found, "NDCG@100": _gain(ranks.full, 100)}


def summarise(ranks: Ranks) -> dict[str, float]:
    """Metrics over the ranks of B cases."""
    return {name: float(values.mean()) for name, values in per_user(ranks).items()}


def _gain(ranks: Numbers, k: int) -> NDArray[np.float64]:
    """NDCG@k with one relevant item: 1 / log2(rank + 2), ranks from 0."""
    gain: NDArray[np.float64] = (ranks < k) / np.log2(ranks + 2)
    return gain
