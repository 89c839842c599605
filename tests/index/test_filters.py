"""Filters that follow changes know the same rows as those that look anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import Attributes, filters
from index.attributes import Profiles, profile_of, wanted_of
from index.block import Block
from index.filters import AT_ONCE, KEPT, Filter, Filters
from index.lists import NOTHING, Lists
from index.rows import Columns, Rows
from tests.index.vectors import DIM, clustered

MOST = 300
VECTORS = clustered(1000, seed=1)
QUERY = clustered(2, seed=2)
WANTED: list[Attributes] = [{"k": "a"}, {"k": ["a", "b"]}, {"k": "b", "j": ["x"]}, {"k": []}]
PROFILES: list[Attributes] = [{}, {"k": "a"}, {"k": ["b"], "j": "x"}, {"k": ["a", "b"]}]


class Items:
    """What an index keeps of its items, changed as it changes them."""

    def __init__(self) -> None:
        self.rows, self.profiles, self.lists = Rows(), Profiles(), Lists.exact(DIM)
        self.filters = Filters()

    def put(self, numbers: list[int], kind: int, vectors: int) -> None:
        """Items by number, with attributes and with vectors from a place on."""
        ids = [f"{number}" for number in numbers]
        acquired = [self.profiles.acquire(profile_of(PROFILES[kind])) for _ in ids]
        self._release(self.rows.find(ids))
        times = np.full(len(ids), float(kind % 2))
        rows = self.rows.put(ids, Columns(times, times + 1, np.array(acquired, dtype=np.int32)))
        picked = VECTORS[vectors + np.array(numbers, dtype=np.int64)]
        self.lists.put(rows, picked, self.lists.assign(picked))
        self.filters.touch(rows.tolist())

    def drop(self, numbers: list[int]) -> None:
        rows = self.rows.find([f"{number}" for number in numbers])
        self._release(rows)
        self.lists.remove(rows)
        self.rows.drop(rows)
        self.filters.touch(rows.tolist())

    def _release(self, rows: NDArray[np.int64]) -> None:
        for number in self.rows.columns.profiles[rows].tolist():
            self.profiles.release(number)

    def get(self, wanted: Attributes) -> Filter:
        return self.filters.get(wanted, self.rows, self.profiles, self.lists)

    def check(self) -> None:
        """Every filter in use equals a new one."""
        end = self.rows.end
        for wanted in WANTED:
            kept, fresh = self.get(wanted), Filter(wanted_of(wanted), self.rows, self.profiles, DIM)
            marked = kept.mask.marked(end)
            assert np.array_equal(marked, fresh.mask.marked(end))
            assert kept.count == fresh.count == np.count_nonzero(marked)
            self.check_mask(kept)
            if kept.block is not None:
                self.check_block(kept.block, np.flatnonzero(marked))

    def check_block(self, block: Block, marked: NDArray[np.int64]) -> None:
        """It holds the marked rows, with the vectors and the times that they have now."""
        assert sorted(block.rows.tolist()) == marked.tolist()
        expected = (self.lists.vectors(block.rows) @ QUERY.T).max(axis=1)
        assert np.allclose(block.scores(QUERY), expected, atol=1e-5)
        for now in range(3):
            live = self.rows.columns.take(block.rows).live(now)
            assert np.array_equal(block.live(now), live)
            assert live.all() or not block.all_live(now)

    def check_mask(self, kept: Filter) -> None:
        """Through it the lists find the marked rows and no others."""
        _, rows = self.lists.search(QUERY[:1], MOST, 1, kept.mask)
        marked = np.flatnonzero(kept.mask.marked(self.rows.end)).tolist()
        assert sorted(rows[rows != NOTHING].tolist()) == marked
        assert sorted(kept.among(np.arange(self.rows.end)).tolist()) == marked


NUMBERS = st.lists(st.integers(0, 200), unique=True, max_size=12)
CHANGES = st.lists(
    st.tuples(st.just("put"), NUMBERS, st.integers(0, 3), st.sampled_from([0, MOST]))
    | st.tuples(st.just("drop"), NUMBERS, st.just(0), st.just(0)),
    max_size=12,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(changes=CHANGES, few=st.sampled_from([20_000, 60, 10, 0]), at_once=st.sampled_from([512, 9]))
def test_a_filter_that_follows_changes_equals_one_that_looks_anew(
    changes: list[tuple[str, list[int], int, int]], few: int, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "FEW", few)  # a few hundred items have blocks, masks, or either
        patch.setattr(filters, "AT_ONCE", at_once)  # whole blocks, or some that want more
        items = Items()
        for kind in range(4):
            items.put(list(range(kind, 150, 4)), kind, 0)
        items.check()
        for change, numbers, kind, vectors in changes:
            if change == "put":
                items.put(numbers, kind, vectors)
            else:
                items.drop(numbers)
            items.check()
        for _ in range(20):
            items.check()
        kept = [items.get(wanted) for wanted in WANTED]
        assert all((one.block is not None) == (one.count <= few) for one in kept)


def test_a_block_is_copied_by_parts_one_a_search() -> None:
    """The lock is held meanwhile."""
    items = Items()
    items.put(list(range(3 * AT_ONCE // 2)), 1, 0)
    blocks = [items.get({"k": "a"}).block for _ in range(3)]
    assert [block and len(block) for block in blocks] == [None, 768, 768]


def test_rows_beyond_what_memory_was_held_for_are_followed() -> None:
    items = Items()
    items.put(list(range(60)), 1, 0)
    items.check()
    items.put([60, 61, 62, 63, 64], 1, 0)
    items.check()
    assert len(items.rows.room.profiles) > 65


def test_filters_are_the_same_whatever_the_order_of_keys_and_values() -> None:
    items = Items()
    items.put([1, 2], 3, 0)
    first = items.get({"k": ["b", "a"], "j": "x"})
    assert items.get({"j": ["x"], "k": ("a", "b", "a")}) is first


def test_the_filter_that_was_longest_unused_is_forgotten() -> None:
    items = Items()

    def get(number: int) -> Filter:
        return items.get({"k": str(number)})

    first, second = get(0), get(1)
    for number in range(2, KEPT):
        get(number)
    assert get(0) is first
    get(KEPT)
    assert get(0) is first
    assert get(1) is not second


def test_a_filter_that_nobody_asks_is_forgotten_once_a_tenth_of_the_items_has_changed() -> None:
    items = Items()
    items.put(list(range(200)), 1, 0)
    first = items.get({"k": "a"})
    items.put(list(range(20)), 2, 0)
    assert items.get({"k": "a"}) is first
    items.put(list(range(20)), 1, 0)
    items.put([20], 2, 0)
    assert items.get({"k": "a"}) is not first
    items.check()
