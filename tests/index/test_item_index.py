"""What faiss and Python make of the index: memory, targets, figures."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from index import InvalidRecall, ItemIndex
from tests.index.engine import X, array, query


@pytest.fixture
def traced() -> Iterator[None]:
    """Python's own memory is counted; faiss's is not."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_attributes_that_nobody_holds_any_more_take_no_memory() -> None:
    """A thousand replacements of one item, each with attributes never seen before."""
    index = ItemIndex(2)
    index.upsert(["a"], array(X))
    before, _ = tracemalloc.get_traced_memory()
    for series in range(1000):
        index.upsert(["a"], array(X), attributes=[{"series": str(series)}])
    grown, _ = tracemalloc.get_traced_memory()
    assert grown - before < 200_000  # 650,000 when they are never released


@pytest.mark.usefixtures("traced")
def test_filters_that_nobody_asks_again_take_no_memory_as_items_change() -> None:
    """Sixteen of them while all items are replaced: 9 MB when each notes every change."""
    ids = [f"{number}" for number in range(8000)]
    vectors = np.ones((8000, 2), dtype=np.float32)
    index = ItemIndex(2)
    index.upsert(ids, vectors)
    for number in range(16):
        index.search(query(X), 1, filters={"series": f"{number}"})
    before, _ = tracemalloc.get_traced_memory()
    index.upsert(ids, vectors)
    grown, _ = tracemalloc.get_traced_memory()
    assert grown - before < 2_000_000


@pytest.mark.parametrize("recall", [0.0, -0.1, 1.01, float("nan")])
def test_a_recall_that_is_no_share_is_refused(recall: float) -> None:
    with pytest.raises(InvalidRecall, match="above 0 and at most 1"):
        ItemIndex(2, recall=recall)


def test_a_small_index_says_that_it_is_exact() -> None:
    index = ItemIndex(2)
    index.upsert(["a"], array(X))
    assert index.maintain() == index.stats() == (1, 1, 1, 1.0, 0)
