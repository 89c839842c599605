"""Copies taken beside a writer hold what is stored at their end, and nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from index import copies
from index.copies import Copy, Journal, copy_of, some_of
from index.lists import Lists
from tests.index.vectors import around, clustered

ITEMS = 2000
LISTS = 4
VECTORS = clustered(2 * ITEMS, seed=1)


class Store:
    """Vectors by row, the lists that hold them, and a writer."""

    def __init__(self) -> None:
        self.lock, self.journal = threading.Lock(), Journal()
        self.lists = Lists(around(clustered(LISTS, seed=2)))
        self.stored: dict[int, NDArray[np.float32]] = {}
        self.put(np.arange(ITEMS), VECTORS[:ITEMS])

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        with self.lock:
            self.lists.put(rows, vectors, self.lists.assign(vectors))
            self.journal.note(rows.tolist())
            self.stored |= dict(zip(rows.tolist(), vectors, strict=True))

    def drop(self, rows: NDArray[np.int64]) -> None:
        with self.lock:
            self.lists.remove(rows)
            self.journal.note(rows.tolist())
            self.stored = {row: one for row, one in self.stored.items() if row not in set(rows)}

    def change(self, rng: np.random.Generator) -> None:
        """New vectors for some, new rows, and some that leave."""
        for _ in range(40):
            rows = rng.choice(ITEMS + 500, size=60, replace=False)
            self.put(rows[:30].copy(), VECTORS[rng.integers(0, 2 * ITEMS, 30)])
            self.drop(rows[30:].copy())

    def follow(self, copied: Copy, changed: set[int]) -> None:
        """Copy what changed again, as the owner of an index does."""
        while True:
            with self.lock:
                rows = some_of(changed, 50)
                here = np.array([row for row in rows.tolist() if row in self.stored], dtype=int)
                vectors = self.lists.vectors(here)
                copied.drop(rows)
                copied.put(here, vectors.astype(np.float16), self.lists.assign(vectors))
                if not changed:
                    self.check(copied)
                    return

    def check(self, copied: Copy) -> None:
        assert copied.rows.tolist() == sorted(self.stored)
        expected = np.stack([self.stored[row] for row in sorted(self.stored)])
        assert np.array_equal(copied.codes[copied.rows], expected.astype(np.float16))
        assert np.array_equal(copied.homes[copied.rows], self.lists.assign(expected))


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_beside_a_writer_is_right_once_it_caught_up(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "AT_ONCE", 20)  # else a list is copied while the lock is held
    store = Store()
    with ThreadPoolExecutor(1) as pool, store.journal.watch(store.lock) as changed:
        writer = pool.submit(store.change, np.random.default_rng(seed))
        copied = copy_of(store.lists, ITEMS, store.lock)
        store.follow(copied, changed)
        writer.result()
        store.follow(copied, changed)


def test_an_undisturbed_copy_holds_everything_in_its_list() -> None:
    store = Store()
    store.check(copy_of(store.lists, ITEMS, store.lock))


def test_a_copy_grows_with_rows_that_came_later() -> None:
    copied = Copy(2, 1)
    copied.put(np.array([1]), np.ones((1, 1), np.float16), 5)
    copied.put(np.array([9]), np.full((1, 1), 2, np.float16), 6)
    copied.drop(np.array([1, 100]))
    assert copied.rows.tolist() == [9]
    assert (copied.codes[9, 0], copied.homes[9]) == (2, 6)


def test_those_who_watch_see_what_changes_meanwhile_and_no_more() -> None:
    journal, lock = Journal(), threading.Lock()
    journal.note([1])
    with journal.watch(lock) as outer:
        journal.note([2])
        with journal.watch(lock) as inner:
            journal.note([3, 3])
        journal.note([4])
    journal.note([5])
    assert (outer, inner, journal.total) == ({2, 3, 4}, {3}, 6)


def test_what_is_taken_out_is_taken_once() -> None:
    changed = {1, 2, 3}
    parts = [some_of(changed, 2), some_of(changed, 2), some_of(changed, 2)]
    assert [len(part) for part in parts] == [2, 1, 0]
    assert sorted(np.concatenate(parts).tolist()) == [1, 2, 3]
