"""Recall by score of an inverted file, on queries that it was not tuned with."""

from collections.abc import Callable

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from index import ItemIndex, filters
from tests.index.vectors import DIM, clustered, scattered

ITEMS = 20_000
K = 50
TARGET = 0.95
TOLERANCE = 0.01  # 200 held-out queries are not the 64 of the sample
IDS = [f"{number:05}" for number in range(ITEMS)]
VECTORS = clustered(ITEMS, seed=1)
QUERIES = clustered(200, seed=2)
DIRECTION = clustered(1, seed=3)[0]
BEFORE = VECTORS @ DIRECTION > 0.2  # a third of the items, or about that

Draw = Callable[[int, int], NDArray[np.float32]]


def inverted(vectors: NDArray[np.float32], asked: NDArray[np.float32]) -> ItemIndex:
    """Built, and tuned with what was asked."""
    faiss.omp_set_num_threads(1)
    index = ItemIndex(DIM, recall=TARGET, exact_up_to=1000)
    index.upsert(IDS, vectors, attributes=[{"side": str(side)} for side in BEFORE])
    index.search(asked[:, None], 1)
    index.rebuild()
    return index


@pytest.fixture(scope="module")
def index() -> ItemIndex:
    return inverted(VECTORS, clustered(64, seed=4))


def found(scores: list[float], best: NDArray[np.float32]) -> float:
    """Share of the k best scores [k], highest first, that an answer reaches."""
    assert len(scores) == len(best)
    return float((np.array(scores) >= best[-1] - 1e-5).mean())


def best(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The k best of all scores."""
    return np.sort(scores)[::-1][:K]


@pytest.mark.parametrize("draw", [clustered, scattered])
def test_the_target_is_met_whether_vectors_cluster_or_not(draw: Draw) -> None:
    vectors = draw(ITEMS, 1)
    index = inverted(vectors, draw(64, 4))
    queries = draw(200, 2)
    _, scores = index.search(queries[:, None], K)
    recalls = [
        found(one, best(vectors @ query)) for one, query in zip(scores, queries, strict=True)
    ]
    assert np.mean(recalls) >= TARGET - TOLERANCE
    assert index.stats().recall >= TARGET


def test_clustered_items_are_searched_for_in_few_of_many_lists(index: ItemIndex) -> None:
    assert index.stats().lists > 100
    assert index.stats().probes < index.stats().lists / 2


@pytest.mark.parametrize("barred", [100, 500, 3000])
def test_recall_holds_where_the_nearest_are_excluded(index: ItemIndex, barred: int) -> None:
    """A user's history is what lies nearest: what remains lies deeper."""
    recalls = []
    for query in QUERIES[:100]:
        all_scores = VECTORS @ query
        nearest = np.argsort(-all_scores)[:barred]
        exclude = [[IDS[row] for row in nearest.tolist()]]
        _, (scores,) = index.search(query[None, None], K, exclude=exclude)
        all_scores[nearest] = -np.inf
        recalls.append(found(scores, best(all_scores)))
    assert np.mean(recalls) >= TARGET - TOLERANCE


@pytest.mark.parametrize("few", [filters.FEW, 100])
def test_recall_holds_where_a_filter_leaves_only_what_is_far(
    index: ItemIndex, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filter goes by direction, and the queries point the other way."""
    monkeypatch.setattr(filters, "FEW", few)  # above it the lists are searched
    wanted = {"side": ["True", f"{few}"]}  # a filter of its own, not one that is remembered
    away = QUERIES[np.argsort(QUERIES @ DIRECTION)[:60]]
    recalls = []
    for query in away:
        _, (scores,) = index.search(query[None, None], K, filters=wanted)
        recalls.append(found(scores, best((VECTORS @ query)[BEFORE])))
    assert np.mean(recalls) >= TARGET - TOLERANCE


def test_no_item_comes_twice_though_several_interests_find_it(index: ItemIndex) -> None:
    pairs = QUERIES.reshape(100, 2, DIM)
    answers, _ = index.search(pairs, K)
    assert all(len(ids) == len(set(ids)) == K for ids in answers)


def test_an_items_score_is_its_best_also_where_only_the_other_interest_probed_its_list() -> None:
    """Two interests that lie near each other: thousands of items are found under the worse one."""
    index = inverted(VECTORS, clustered(256, seed=4))
    one, other = clustered(1000, seed=6).reshape(2, 500, DIM)
    queries = np.stack([one, 0.8 * one + 0.6 * other], axis=1)
    ids, scores = index.search(queries, K)
    kept = VECTORS.astype(np.float16).astype(np.float32)
    for query, names, found in zip(queries, ids, scores, strict=True):
        rows = [int(name) for name in names]
        np.testing.assert_allclose(found, (kept[rows] @ query.T).max(axis=1), atol=1e-5)
