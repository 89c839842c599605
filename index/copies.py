"""A copy of the vectors taken beside traffic: by slices, and then whatever changed meanwhile.

Every change is noted by row in a journal. A copy that was taken list by list while rows moved is
right for all rows but those, and those few are copied again. Shapes: R rows, D dimensions.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np
from numpy.typing import NDArray

from index.contents import Codes
from index.lists import Lists
from index.rows import RowNumbers

AT_ONCE = 20_000  # vectors copied while the lock is held: half a millisecond
NOWHERE = -1


class Journal:
    """Notes which rows change, for those who watch."""

    def __init__(self) -> None:
        self._watching: list[set[int]] = []
        self.total = 0  # changes ever

    def note(self, rows: Sequence[int]) -> None:
        """These rows have changed; the caller holds the index's lock."""
        self.total += len(rows)
        for one in self._watching:
            one.update(rows)

    @contextmanager
    def watch(self, lock: AbstractContextManager[object]) -> Iterator[set[int]]:
        """The rows that change from now on; who takes some out holds the lock."""
        changed: set[int] = set()
        with lock:
            self._watching.append(changed)
        try:
            yield changed
        finally:
            with lock:
                # By identity: two sets with the same rows are equal.
                self._watching = [one for one in self._watching if one is not changed]


def some_of(changed: set[int], most: int) -> RowNumbers:
    """Take at most so many rows out."""
    taken = [changed.pop() for _ in range(min(most, len(changed)))]
    return np.array(taken, dtype=np.int64)


class Copy:
    """Vectors by row."""

    def __init__(self, rows: int, dim: int) -> None:
        self.codes: Codes = np.empty((rows, dim), dtype=np.float16)
        self.homes: NDArray[np.int32] = np.full(rows, NOWHERE, dtype=np.int32)  # [R] list of each

    @property
    def rows(self) -> RowNumbers:
        """Those that have a vector."""
        return np.flatnonzero(self.homes != NOWHERE)

    def put(self, rows: RowNumbers, codes: Codes, homes: NDArray[np.int64] | int) -> None:
        """Overwrite R rows."""
        highest = int(rows.max(initial=-1))
        if highest >= len(self.homes):
            self._grow(highest + highest // 8 + 1)
        self.codes[rows] = codes
        self.homes[rows] = homes

    def drop(self, rows: RowNumbers) -> None:
        """Forget R rows."""
        self.homes[rows[rows < len(self.homes)]] = NOWHERE

    def _grow(self, rows: int) -> None:
        larger = Copy(rows, self.codes.shape[1])
        larger.codes[: len(self.codes)] = self.codes
        larger.homes[: len(self.homes)] = self.homes
        self.codes, self.homes = larger.codes, larger.homes


def copy_of(lists: Lists, rows: int, lock: AbstractContextManager[object]) -> Copy:
    """The vectors of all rows below `rows` that do not change meanwhile."""
    copied = Copy(rows, lists.dim)
    for number in range(lists.count):
        # From the end: faiss fills a gap with the last vector, so that what moves was copied.
        end = lists.size(number)
        while end > 0:
            start = max(0, end - AT_ONCE)
            with lock:
                found, codes = lists.content(number, start, end)
            copied.put(found, codes, number)
            end = start
    return copied
