"""Which structure an index takes as it grows, shrinks, drifts and is asked otherwise."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from index import ItemIndex
from index.queries import KEPT
from tests.index.vectors import DIM, clustered, scattered


@pytest.fixture(autouse=True)
def one_thread() -> None:
    faiss.omp_set_num_threads(1)


def index_of(vectors: NDArray[np.float32], exact_up_to: int, recall: float = 0.9) -> ItemIndex:
    index = ItemIndex(DIM, recall=recall, exact_up_to=exact_up_to)
    grow(index, vectors)
    return index


def grow(index: ItemIndex, vectors: NDArray[np.float32]) -> None:
    """To as many items as there are vectors."""
    index.upsert([f"{number}" for number in range(len(vectors))], vectors)


def test_an_index_is_exact_until_it_is_large_and_maintained() -> None:
    index = index_of(clustered(4000, 1), exact_up_to=4000)
    assert index.maintain().lists == 1
    grow(index, clustered(4001, 1))
    assert index.stats().lists == 1
    stats = index.maintain()
    assert (stats.lists > 30, stats.rebuilds, stats.items) == (True, 1, 4001)


def test_what_was_built_stays_while_it_serves() -> None:
    index = index_of(clustered(4001, 1), exact_up_to=4000)
    index.search(clustered(KEPT, 2)[:, None], 10)
    assert [index.maintain().rebuilds for _ in range(3)] == [1, 1, 1]


def test_a_rebuild_while_small_does_not_put_off_the_inverted_file() -> None:
    index = index_of(clustered(3900, 1), exact_up_to=4000)
    index.rebuild()
    assert index.stats().lists == 1
    grow(index, clustered(4100, 1))
    assert index.maintain().lists > 1


def test_an_outgrown_inverted_file_is_built_anew() -> None:
    index = index_of(clustered(1100, 1), exact_up_to=1000)
    first = index.maintain()
    grow(index, clustered(4500, 1))
    second = index.maintain()
    assert (first.rebuilds, second.rebuilds) == (1, 2)
    assert second.lists > first.lists


def test_a_catalogue_that_was_replaced_gets_lists_of_its_own() -> None:
    """Once as many items came or went as there are; those before keep what they have."""
    index = index_of(clustered(1200, 1), exact_up_to=1000)
    index.search(clustered(KEPT, 2)[:, None], 10)
    assert index.maintain().rebuilds == 1
    index.upsert([f"new {number}" for number in range(600)], clustered(600, 3))
    assert index.maintain().rebuilds == 1
    index.remove([f"{number}" for number in range(601)])
    assert index.maintain().rebuilds == 2
    assert index.maintain().rebuilds == 2


def test_an_index_that_shrinks_becomes_exact_again() -> None:
    index = index_of(clustered(1100, 1), exact_up_to=1000)
    assert index.maintain().lists > 1
    index.remove([f"{number}" for number in range(900)])
    assert index.maintain() == (200, 1, 1, 1.0, 2)


def test_at_recall_1_no_lists_are_built_and_those_of_a_snapshot_are_given_up(
    tmp_path: Path,
) -> None:
    """All of them would be probed."""
    index = index_of(clustered(1100, 1), exact_up_to=1000, recall=1.0)
    assert index.maintain() == (1100, 1, 1, 1.0, 0)
    inverted = index_of(clustered(1100, 1), exact_up_to=1000)
    assert inverted.maintain().lists > 1
    inverted.save(tmp_path, model="m", position="1")
    restored = ItemIndex.load(tmp_path, DIM, model="m", recall=1.0, exact_up_to=1000).index
    assert restored.maintain() == (1100, 1, 1, 1.0, 1)


def test_lists_that_would_nearly_all_be_probed_are_given_up_for_one() -> None:
    index = index_of(scattered(1100, 1), exact_up_to=1000, recall=0.9999)
    assert index.maintain() == (1100, 1, 1, 1.0, 1)
    assert index.maintain().rebuilds == 1


def test_probes_follow_what_is_asked_without_a_rebuild() -> None:
    """Queries in all directions need more lists than queries like the items."""
    index = index_of(clustered(6000, 1), exact_up_to=1000)
    index.search(clustered(KEPT, 2)[:, None], 1)
    usual = index.maintain()
    index.search(scattered(KEPT, 2)[:, None], 1)
    odd = index.maintain()
    assert odd.probes > usual.probes
    assert odd.rebuilds == usual.rebuilds
    index.search(clustered(KEPT, 2)[:, None], 1)
    assert index.maintain().probes == usual.probes


def test_queries_that_tie_with_everything_do_not_count() -> None:
    """A user of whom nothing is known, a query of zeros: every answer has the best score."""
    index = index_of(clustered(6000, 1), exact_up_to=1000)
    index.search(clustered(KEPT // 2, 2)[:, None], 1)
    before = index.maintain()
    index.search(np.zeros((KEPT // 4, 1, DIM), dtype=np.float32), 1)
    assert index.maintain() == before


def test_an_inverted_file_whose_items_have_moved_on_is_built_anew() -> None:
    """New topics: centroids of the old ones send a query to half of the lists."""
    index = index_of(clustered(6000, 1), exact_up_to=1000)
    index.search(clustered(KEPT, 2)[:, None], 1)
    first = index.maintain()
    turned = np.linalg.qr(np.random.default_rng(1).standard_normal((DIM, DIM)))[0]
    turn = turned.astype(np.float32)
    grow(index, clustered(6000, 4) @ turn)
    index.search((clustered(KEPT, 2) @ turn)[:, None], 1)
    second = index.maintain()
    assert second.rebuilds == first.rebuilds + 1
    assert second.probes < 1.5 * first.probes
    assert index.maintain().rebuilds == second.rebuilds


def test_items_stay_what_they_were_through_every_rebuild() -> None:
    vectors = clustered(1500, 1)
    index = index_of(vectors, exact_up_to=1000, recall=0.5)
    query = vectors[:3, None]
    expected = index.search(query, 1500)
    for _ in range(3):
        index.rebuild()
        assert index.stats().lists > 1
        assert index.search(query, 1500) == expected
