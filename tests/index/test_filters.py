"""Filters that follow changes know the same rows as those that look anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import Attributes, filters
from index.attributes import Profiles, profile_of
from index.filters import KEPT, Filter, Filters
from index.lists import NOTHING, Lists
from index.rows import NO_ITEM, Columns, Rows
from tests.index.vectors import DIM, clustered

MOST = 300
VECTORS = clustered(2 * MOST, seed=1)
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
        self._leave(ids)
        times = np.zeros(len(ids))
        rows = self.rows.put(ids, Columns(times, times, np.array(acquired, dtype=np.int32)))
        picked = VECTORS[vectors + np.array(numbers, dtype=np.int64)]
        self.lists.add(rows, picked, self.lists.assign(picked))
        self.filters.touch(rows.tolist())

    def drop(self, numbers: list[int]) -> None:
        rows = self._leave([f"{number}" for number in numbers])
        self.rows.drop(rows)
        self.filters.touch(rows.tolist())

    def _leave(self, ids: list[str]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        rows = self.rows.find(ids)
        for number in self.rows.columns.profiles[rows].tolist():
            self.profiles.release(number)
        self.lists.remove(rows)
        return rows

    def check(self) -> None:
        """Every filter in use equals a new one."""
        for wanted in WANTED:
            kept = self.filters.get(wanted, self.rows, self.profiles, self.lists)
            fresh = Filter(wanted)
            fresh.refresh(self.rows, self.profiles, self.lists)
            end = self.rows.end
            assert np.array_equal(kept.marked[:end], fresh.marked[:end])
            assert kept.count == fresh.count == int(fresh.marked.sum())
            self.check_block(kept)
            self.check_mask(kept)

    def check_block(self, kept: Filter) -> None:
        """It holds the marked rows, with the vectors that they have now."""
        assert (kept.block is not None) == (kept.count <= filters.FEW)
        if kept.block is None:
            return
        marked = np.flatnonzero(kept.marked)
        assert sorted(kept.block.rows.tolist()) == marked.tolist()
        scores, rows = kept.block.search(QUERY, MOST)
        for one, found, query in zip(scores, rows, QUERY, strict=True):
            assert np.allclose(one, self.lists.vectors(found) @ query, atol=1e-5)

    def check_mask(self, kept: Filter) -> None:
        """Through it the lists find the marked rows and no others."""
        _, rows = self.lists.search(QUERY[:1], MOST, 1, kept.mask)
        found = rows[rows != NOTHING].tolist()
        assert sorted(found) == np.flatnonzero(kept.marked).tolist()


NUMBERS = st.lists(st.integers(0, 200), unique=True, max_size=12)
CHANGES = st.lists(
    st.tuples(st.just("put"), NUMBERS, st.integers(0, 3), st.sampled_from([0, MOST]))
    | st.tuples(st.just("drop"), NUMBERS, st.just(0), st.just(0)),
    max_size=12,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(changes=CHANGES, few=st.sampled_from([20_000, 60, 10, 0]))
def test_a_filter_that_follows_changes_equals_one_that_looks_anew(
    changes: list[tuple[str, list[int], int, int]], few: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "FEW", few)  # a few hundred items have blocks, masks, or either
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


def test_rows_beyond_what_memory_was_held_for_are_followed() -> None:
    items = Items()
    items.put(list(range(60)), 1, 0)
    items.check()
    items.put([60, 61, 62, 63, 64], 1, 0)
    items.check()
    assert items.rows.room.profiles[65] == NO_ITEM


def test_filters_are_the_same_whatever_the_order_of_keys_and_values() -> None:
    items = Items()
    items.put([1, 2], 3, 0)
    first = items.filters.get({"k": ["b", "a"], "j": "x"}, items.rows, items.profiles, items.lists)
    same = {"j": ["x"], "k": ("a", "b", "a")}
    assert items.filters.get(same, items.rows, items.profiles, items.lists) is first


def test_the_filter_that_was_longest_unused_is_forgotten() -> None:
    items = Items()

    def get(number: int) -> Filter:
        wanted = {"k": str(number)}
        return items.filters.get(wanted, items.rows, items.profiles, items.lists)

    first, second = get(0), get(1)
    for number in range(2, KEPT):
        get(number)
    assert get(0) is first
    get(KEPT)
    assert get(0) is first
    assert get(1) is not second
