"""The metrics, by hand."""

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, Success, nDCG

from trainer.metrics import Ranks, allowed, negatives, per_user, rank, summarise
from trainer.sequences import Flags, Numbers, Sequences
from trainer.split import Case, Split


def one_case(pool: int) -> Split:
    """A user who met items 1 and 3 and whose truth is 2; items 2 … pool are cold."""
    whole = Sequences.of([[0, 1, 3, 2], np.arange(2, pool)])
    case = Case(0, np.array([0, 1]), 2, cold=True)
    return Split(Sequences.of([[0, 1], []]), whole, np.arange(2, pool), (case,))


def drawn_for(split: Split, seed: int = 0) -> list[Numbers]:
    return negatives(split, split.pool, seed)


def allowed_for(split: Split) -> Flags:
    return allowed(split.whole, split.cases, split.pool)


def test_ranks_become_metrics() -> None:
    """Ranks count from 0; NDCG of rank r is 1 / log2(r + 2)."""
    found = summarise(Ranks(np.array([0, 4, 9, 10]), np.array([0, 49, 99, 100])))
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
    (drawn,) = drawn_for(one_case(500))
    items = np.arange(2, 500)[drawn]
    assert len(set(items.tolist())) == 100
    assert not {2, 3} & set(items.tolist())


def test_a_small_pool_gives_what_it_has() -> None:
    """No negative twice to fill up."""
    (drawn,) = drawn_for(one_case(10))
    assert sorted(drawn.tolist()) == [2, 3, 4, 5, 6, 7]
    assert allowed_for(one_case(10)).sum() == 6


def test_half_of_the_negatives_follow_popularity() -> None:
    """An item that everybody buys is drawn nearly always, a rare one seldom."""
    rows = [[0, 1, 3, 2], *[[10]] * 5000, list(range(2, 2000))]
    split = one_case(2000)
    popular = Split(split.train, Sequences.of(rows), split.pool, split.cases)
    hits = [10 - 2 in drawn_for(popular, seed)[0] for seed in range(20)]
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
    assert split.pool[~allowed_for(both)[0]].tolist() == [2, 3]
    assert split.pool[~allowed_for(both)[1]].tolist() == [5, 9]
    first, second = drawn_for(both, 1), drawn_for(both, 1)
    assert [n.tolist() for n in first] == [n.tolist() for n in second]


def test_the_metrics_are_those_of_ir_measures() -> None:
    """HR, NDCG and recall of random rankings, user by user, as the field's own tool has them."""
    rng = np.random.default_rng(3)
    sampled, full = rng.integers(0, 101, 60), rng.integers(0, 300, 60)
    mine = per_user(Ranks(sampled, full))
    wanted = {
        "HR@5": (Success @ 5, sampled, 101), "HR@10": (Success @ 10, sampled, 101),
        "NDCG@5": (nDCG @ 5, sampled, 101), "NDCG@10": (nDCG @ 10, sampled, 101),
        "Recall@10": (R @ 10, full, 300), "Recall@50": (R @ 50, full, 300),
        "Recall@100": (R @ 100, full, 300), "NDCG@100": (nDCG @ 100, full, 300),
    }  # fmt: skip
    assert wanted.keys() == mine.keys()
    for name, (measure, ranks, size) in wanted.items():
        assert mine[name] == pytest.approx(theirs(measure, ranks, size), abs=1e-6), name


def theirs(measure: ir_measures.measures.Measure, ranks: Numbers, size: int) -> list[float]:
    """What ir-measures says of the case whose truth has the given rank among `size` items."""
    truth = {str(case): {f"item {rank}": 1} for case, rank in enumerate(ranks)}
    scores = {f"item {place}": float(size - place) for place in range(size)}
    run = dict.fromkeys(truth, scores)
    found = {m.query_id: float(m.value) for m in ir_measures.iter_calc([measure], truth, run)}
    return [found[str(case)] for case in range(len(ranks))]


def test_our_rank_is_theirs() -> None:
    """The rank of a truth among scores without ties is one over its reciprocal rank."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        scores = rng.permutation(40).astype(np.float32)
        run = {"a": {str(place): float(score) for place, score in enumerate(scores)}}
        found = ir_measures.calc_aggregate([RR], {"a": {"0": 1}}, run)[RR]
        assert rank(scores[0], scores[1:], rng) + 1 == pytest.approx(1 / found)
