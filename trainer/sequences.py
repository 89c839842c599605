"""What every user chose, in order of time: rows of item numbers of different lengths.

10⁸ events must fit into memory beside what learns from them. So an event takes four bytes, and
what is asked of all events is asked of a part of them at a time. E events, U rows, V items.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

PART = 1 << 20  # events at a time


class Sequences:
    """Rows of item numbers, laid end to end; row u is user u's items."""

    def __init__(self, items: NDArray[np.integer], starts: Numbers) -> None:
        """Take items [E] and the offsets [U + 1] at which each row starts."""
        self.items: NDArray[np.int32] = items.astype(np.int32, copy=False)
        self.starts = starts

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | Numbers]) -> "Sequences":
        """Lay the given rows end to end."""
        arrays = [np.asarray(row, dtype=np.int64) for row in rows]
        lengths = np.fromiter(map(len, arrays), dtype=np.int64, count=len(arrays))
        return cls(np.concatenate([*arrays, np.zeros(0, np.int64)]), offsets(lengths))

    def only(self, kept: Flags) -> "Sequences":
        """Without the items that are not kept; a row may become empty. `kept` is [V]."""
        return self.where(self.of_items(kept))

    def where(self, stays: Flags) -> "Sequences":
        """Without the events that do not stay; a row may become empty. `stays` is [E]."""
        if stays.all():
            return self
        lengths = np.zeros(len(self), dtype=np.int64)
        filled = np.diff(self.starts) > 0
        if filled.any():
            begins = self.starts[:-1][filled]
            lengths[filled] = np.add.reduceat(stays, begins, dtype=np.int64)
        return Sequences(self.items[stays], offsets(lengths))

    def of_items(self, flags: Flags) -> Flags:
        """What is true of each event's item: [V] → [E]."""
        found = np.empty(len(self.items), dtype=np.bool_)
        for part in parts(len(found)):
            found[part] = flags[self.items[part]]
        return found

    def rows(self, events: Numbers) -> Numbers:
        """In which row each of these events stands."""
        return np.searchsorted(self.starts, events, side="right") - 1

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, user: int) -> Numbers:
        return self.items[self.starts[user] : self.starts[user + 1]].astype(np.int64)

    def counts(self, size: int) -> Numbers:
        """How often each of the first `size` items occurs: [size]."""
        found = np.zeros(size, dtype=np.int64)
        for part in parts(len(self.items)):
            found += np.bincount(self.items[part], minlength=size)[:size]
        return found

    def met(self) -> Numbers:
        """The items that occur, ascending."""
        return np.flatnonzero(self.counts(int(self.items.max(initial=-1)) + 1))


def offsets(lengths: Numbers) -> Numbers:
    """Where rows of these lengths start, and where the last ends: [U + 1]."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def parts(size: int) -> Iterator[slice]:
    """Slices of at most PART that cover `size`."""
    return (slice(start, start + PART) for start in range(0, size, PART))


def digits(numbers: NDArray[np.integer]) -> Iterator[bytes]:
    """Their bytes as int64, for fingerprints: the same however narrow the numbers are kept."""
    return (numbers[part].astype(np.int64).tobytes() for part in parts(len(numbers)))
