"""HR@k and NDCG@k against sampled negatives, Recall@k over the whole cold pool (§4.1.3).

Sampled metrics can reorder models (Krichene & Rendle, KDD 2020); the full ones stand beside them.
Shapes: B cases, P items of the pool, M negatives of a case.
"""

import numpy as np
from numpy.typing import NDArray

from trainer.data import Numbers
from trainer.split import Split

UNIFORM = 50
POPULAR = 50
Scores = NDArray[np.float32]


def allowed(split: Split) -> NDArray[np.bool_]:
    """Which pool items can stand against each case's truth: [B, P].

    Not the truth itself, and nothing the user ever met.
    """
    mask = np.ones((len(split.cases), len(split.pool)), dtype=np.bool_)
    for row, case in zip(mask, split.cases, strict=True):
        met = split.whole[case.user]
        at = np.searchsorted(split.pool, met)
        inside = at < len(split.pool)
        hit = at[inside][split.pool[at[inside]] == met[inside]]
        row[hit] = False
    return mask


def negatives(split: Split, seed: int) -> list[Numbers]:
    """For each case, 50 pool items drawn uniformly and 50 by popularity, no item twice.

    A pool that is too small gives what it has. → B arrays of positions in `split.pool`.
    """
    rng = np.random.default_rng(seed)
    size = int(split.pool.max(initial=-1)) + 1
    log_popularity = np.log(split.whole.counts(size)[split.pool])
    drawn = []
    for mask in allowed(split):
        free = rng.permutation(np.flatnonzero(mask))
        uniform, rest = free[:UNIFORM], free[UNIFORM:]
        keys = log_popularity[rest] + rng.gumbel(size=len(rest))  # Gumbel top-k: no replacement
        drawn.append(np.concatenate([uniform, rest[np.argsort(-keys)[:POPULAR]]]))
    return drawn


def rank(truth: np.float32, others: Scores, rng: np.random.Generator) -> int:
    """Rank of the truth among the others, from 0; ties fall at random, NaN counts as worst."""
    return int((~(others <= truth)).sum() + rng.integers(0, (others == truth).sum() + 1))


def summarise(sampled: Numbers, full: Numbers) -> dict[str, float]:
    """Metrics over the ranks (from 0) of B cases."""
    result = {f"HR@{k}": float((sampled < k).mean()) for k in (5, 10)}
    gain = 1 / np.log2(sampled + 2)
    result |= {f"NDCG@{k}": float((gain * (sampled < k)).mean()) for k in (5, 10)}
    result |= {f"Recall@{k}": float((full < k).mean()) for k in (10, 50, 100)}
    result["NDCG@100"] = float(((1 / np.log2(full + 2)) * (full < 100)).mean())
    return result
