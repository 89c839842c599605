"""Company changes nothing: a query that is asked with others gets what it gets alone."""

from contextlib import AbstractContextManager

import numpy as np
import pytest

from index import ItemIndex
from index.attributes import Profiles
from index.batch import AT_ONCE, READ_AT_ONCE, together
from index.filters import Filters
from index.lists import Lists, Vectors
from index.probes import Probes
from index.rows import Rows
from index.search import State

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


class Turns(AbstractContextManager[None]):
    """Counts how often a lock would be taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __exit__(self, *_: object) -> None:
        self.taken += 1


@pytest.mark.parametrize(("items", "turns"), [(1000, 2), (READ_AT_ONCE // 4, AT_ONCE // 2)])
def test_the_more_each_has_to_read_the_fewer_are_answered_in_a_turn(items: int, turns: int) -> None:
    """Who waits for the lock waits about as long, however dear the queries are."""
    lists, rows = Lists.exact(1), np.arange(items)
    lists.put(rows, np.ones((items, 1), dtype=np.float32), np.zeros(items, dtype=np.int64))
    state = State(Rows(), Profiles(), Filters(), lists, Probes.everything(1, 0.99))
    state.rows.fill([str(row) for row in rows], state.rows.room.blank(items))
    queries, lock = np.ones((2 * AT_ONCE, 1, 1), dtype=np.float32), Turns()
    answers = together(state, queries, K, None, [frozenset()] * len(queries), lock)
    assert (len(answers), lock.taken) == (2 * AT_ONCE, turns)
