"""The scan against a plain float64 computation: exact, whatever the layout and the company."""

import numpy as np
import pytest
from numpy.typing import NDArray

from index import ItemIndex
from index.rows import Columns, lengths_of
from index.scan import SLACK, Scan

RNG = np.random.default_rng(2112)


def unit(*shape: int) -> NDArray[np.float32]:
    vectors = RNG.standard_normal(shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors


def scan_of(vectors: NDArray[np.float32], eligible: NDArray[np.bool_] | None = None) -> Scan:
    count = len(vectors)
    times = np.zeros(count)
    columns = Columns(vectors, lengths_of(vectors), times, times, np.zeros(count, dtype=np.intp))
    return Scan(columns, np.ones(count, dtype=bool) if eligible is None else eligible)


def true_scores(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = (vectors.astype(np.float64) @ query.T.astype(np.float64)).max(1)
    return scores


@pytest.mark.parametrize("dim", [1, 7, 64, 129])
@pytest.mark.parametrize("interests", [1, 4])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.02])
def test_the_best_rows_are_those_of_a_float64_scan(dim: int, interests: int, share: float) -> None:
    vectors, query = unit(5000, dim) * 3, unit(interests, dim)
    eligible = RNG.random(5000) < share
    rows, scores = scan_of(vectors, eligible).best(query, 40)
    expected = np.where(eligible, true_scores(vectors, query), -np.inf)
    threshold = np.sort(expected)[-40]
    # At D = 1 unit vectors tie by the thousand, so compare sets, ties included.
    assert set(rows.tolist()) == set(np.flatnonzero(expected >= threshold - 1e-12).tolist())
    np.testing.assert_allclose(scores, expected[rows], rtol=1e-12)


def test_near_ties_that_float32_cannot_tell_apart_are_ranked_by_the_true_score() -> None:
    """Vectors whose scores differ by less than one float32 rounding, a hundred times over."""
    query = np.array([[1.0, 1e-4]], dtype=np.float32)
    vectors = np.ones((1000, 2), dtype=np.float32)
    vectors[:, 1] = RNG.permutation(np.linspace(0, 1e-4, 1000, dtype=np.float32))
    rows, _ = scan_of(vectors).best(query, 5)
    assert set(rows.tolist()) == set(np.argsort(-true_scores(vectors, query))[:5].tolist())
    float32 = vectors @ query[0]
    assert len(np.unique(float32)) < 10, "the case is as hard as the docstring says"


def test_all_rows_that_tie_at_the_boundary_come_and_no_others() -> None:
    vectors = np.repeat(np.eye(3, dtype=np.float32), 1000, axis=0)
    query = np.array([[3.0, 2.0, 1.0]], dtype=np.float32)
    rows, scores = scan_of(vectors).best(query, 1001)
    assert sorted(rows.tolist()) == list(range(2000))
    assert sorted(set(scores.tolist())) == [2.0, 3.0]


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_step_from_few_rows_to_many_changes_nothing(extra: int) -> None:
    """Up to k + SLACK eligible rows are scored outright, above that faiss chooses among them."""
    vectors, query = unit(10 + SLACK + extra, 16), unit(2, 16)
    rows, _ = scan_of(vectors).best(query, 10)
    assert set(rows.tolist()) == set(np.argsort(-true_scores(vectors, query))[:10].tolist())


def test_a_query_of_zeros_ties_with_every_row() -> None:
    rows, scores = scan_of(unit(500, 8)).best(np.zeros((1, 8), dtype=np.float32), 3)
    assert len(rows) == 500
    assert not scores.any()


def test_an_answer_does_not_depend_on_the_order_of_arrival_or_on_other_queries() -> None:
    """Two replicas agree to the last bit; so do a batch of queries and the same ones alone."""
    ids = [f"v{number}" for number in range(3000)]
    vectors, queries = unit(3000, 64), unit(20, 3, 64)
    vectors[1000:2000] = vectors[:1000]  # as many ties as there can be
    first, second = ItemIndex(64), ItemIndex(64)
    first.upsert(ids, vectors)
    for row in RNG.permutation(3000).tolist():
        second.upsert([ids[row]], vectors[row : row + 1])
    batch = first.search(queries, 33)
    assert second.search(queries, 33) == batch
    alone = [second.search(query[None], 33) for query in queries]
    assert ([ids for (ids,), _ in alone], [scores for _, (scores,) in alone]) == batch
