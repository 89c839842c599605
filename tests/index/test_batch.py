"""Company changes nothing: a query that is asked with others gets what it gets alone."""

import numpy as np
import pytest

from index import ItemIndex
from index.batch import AT_ONCE
from index.lists import Vectors

DIM, ITEMS, QUERIES, K = 8, 3000, AT_ONCE + 9, 20
NOW = 100.0


def drawn(rng: np.random.Generator, count: int) -> Vectors:
    """Small integers: arithmetic is exact, and ties are everywhere."""
    return rng.integers(-3, 4, (count, DIM)).astype(np.float32) + np.float32(0.5)


def filled(recall: float, exact_up_to: int, dead: float) -> ItemIndex:
    """Some of its items have expired, and some are not published yet."""
    rng = np.random.default_rng(1)
    index = ItemIndex(DIM, recall=recall, exact_up_to=exact_up_to)
    ids = [f"v{number}" for number in rng.permutation(ITEMS)]
    gone, coming = (rng.random((2, ITEMS)) < dead / 2).tolist()
    index.upsert(
        ids,
        drawn(rng, ITEMS),
        expires_at=[NOW if one else None for one in gone],
        published_at=[NOW + 1 if one else None for one in coming],
    )
    index.search(drawn(rng, 64)[:, None], K)
    index.maintain()
    return index


@pytest.mark.parametrize("exact_up_to", [50, 50_000])
@pytest.mark.parametrize("dead", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("barred", [0, 5, 300])
def test_with_others_as_alone(exact_up_to: int, dead: float, barred: int) -> None:
    """Few or many items dead or excluded, of some queries more than of others."""
    index, queries = filled(1.0, exact_up_to, dead), drawn(np.random.default_rng(2), QUERIES)
    best, _ = index.search(queries[:, None], max(1, barred))
    exclude = [set(ids[: barred * place // QUERIES]) for place, ids in enumerate(best)]
    together = index.search(queries[:, None], K, now=NOW, exclude=exclude)
    alone = [
        index.search(query[None, None], K, now=NOW, exclude=[mine])
        for query, mine in zip(queries, exclude, strict=True)
    ]
    assert together == ([ids for (ids,), _ in alone], [scores for _, (scores,) in alone])


def test_recall_is_kept() -> None:
    """More lists are probed for those who need them, and for nobody else's sake."""
    index, queries = filled(0.99, 50, 0.0), drawn(np.random.default_rng(3), 200)
    exact = filled(1.0, 50_000, 0.0)
    _, found = index.search(queries[:, None], K)
    _, best = exact.search(queries[:, None], K)
    good = [np.array(mine) >= theirs[-1] for mine, theirs in zip(found, best, strict=True)]
    assert index.stats().lists > 1
    assert np.mean(good) >= 0.98
