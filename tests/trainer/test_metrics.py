"""The metrics, by hand."""

import numpy as np
import pytest

from trainer.data import Sequences
from trainer.metrics import allowed, negatives, rank, summarise
from trainer.split import Case, Split


def one_case(pool: int) -> Split:
    """A user who met items 1 and 3 and whose truth is 2; items 2 … pool are cold."""
    whole = Sequences.of([[0, 1, 3, 2], np.arange(2, pool)])
    case = Case(0, np.array([0, 1]), 2, cold=True)
    return Split(Sequences.of([[0, 1], []]), whole, np.arange(2, pool), (case,))


def test_ranks_become_metrics() -> None:
    """Ranks count from 0; NDCG of rank r is 1 / log2(r + 2)."""
    found = summarise(np.array([0, 4, 9, 10]), np.array([0, 49, 99, 100]))
    assert (found["HR@5"], found["HR@10"]) == (0.5, 0.75)
    gains = [1, 1 / np.log2(6), 1 / np.log2(11)]
    assert found["NDCG@10"] == pytest.approx(sum(gains) / 4)
    assert (found["Recall@10"], found["Recall@50"], found["Recall@100"]) == (0.25, 0.5, 0.75)


def test_ties_fall_at_random() -> None:
    """A scorer that gives everything the same score is worth what chance is."""
    rng = np.random.default_rng(0)
    ranks = [rank(np.float32(0), np.zeros(9, np.float32), rng) for _ in range(2000)]
    assert set(ranks) == set(range(10))
    assert np.mean(ranks) == pytest.approx(4.5, abs=0.3)


def test_negatives_are_distinct_cold_items_the_user_never_met() -> None:
    """50 + 50 of them, not the truth."""
    (drawn,) = negatives(one_case(500), seed=0)
    items = np.arange(2, 500)[drawn]
    assert len(set(items.tolist())) == 100
    assert not {2, 3} & set(items.tolist())


def test_a_small_pool_gives_what_it_has() -> None:
    """No negative twice to fill up."""
    (drawn,) = negatives(one_case(10), seed=0)
    assert sorted(drawn.tolist()) == [2, 3, 4, 5, 6, 7]
    assert allowed(one_case(10)).sum() == 6


def test_half_of_the_negatives_follow_popularity() -> None:
    """An item that everybody buys is drawn nearly always, a rare one seldom."""
    rows = [[0, 1, 3, 2], *[[10]] * 5000, list(range(2, 2000))]
    split = one_case(2000)
    popular = Split(split.train, Sequences.of(rows), split.pool, split.cases)
    hits = [10 - 2 in negatives(popular, seed)[0] for seed in range(20)]
    assert np.mean(hits) > 0.9


def test_a_score_that_is_no_number_is_the_worst() -> None:
    """A network of NaN must not be judged perfect."""
    rng, nan = np.random.default_rng(0), np.float32("nan")
    assert rank(nan, np.zeros(9, np.float32), rng) == 9
    assert rank(np.float32(0), np.full(9, nan), rng) == 9
    assert rank(np.float32(1), np.zeros(9, np.float32), rng) == 0


def test_what_one_user_met_takes_nothing_from_another() -> None:
    """The row of each case holds back the items of that user alone."""
    split = one_case(10)
    other = Case(1, np.array([0]), 5, cold=False)
    both = Split(
        split.train,
        Sequences.of([split.whole[0], [5, 9], np.arange(10)]),
        split.pool,
        (*split.cases, other),
    )
    assert split.pool[~allowed(both)[0]].tolist() == [2, 3]
    assert split.pool[~allowed(both)[1]].tolist() == [5, 9]
    first, second = negatives(both, 1), negatives(both, 1)
    assert [n.tolist() for n in first] == [n.tolist() for n in second]
