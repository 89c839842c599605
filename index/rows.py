"""What the index keeps of each item beside its vector, by row number.

A row is an item's number for as long as the item is stored; the next new item takes the number of
one that left. Shapes: R rows of an operation. Nothing here is locked or checked.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.numbering import Numbering

RowNumbers = NDArray[np.int64]
Prints = NDArray[np.uint16]

NO_ROWS: RowNumbers = np.empty(0, dtype=np.int64)
BITS = 0xFFF  # a table of so many marks stays near the processor
FEWEST = 64  # rows that room is made for at first
FILLED = 4096  # rows at a time, between which another thread may search
GROWTH = 8  # times as much room when there is none left: copying a million rows takes 50 ms


@dataclass(frozen=True)
class Columns:
    """The same R rows of every column."""

    published: NDArray[np.float64]  # [R] seconds since the epoch; -inf: from the start
    expires: NDArray[np.float64]  # [R] seconds since the epoch; +inf: never
    profiles: NDArray[np.int32]  # [R] number of the item's attributes; NO_ITEM: the row is free

    def live(self, now: float) -> NDArray[np.bool_]:
        """[R] whether published <= now < expires."""
        return (self.published <= now) & (now < self.expires)

    def take(self, rows: RowNumbers | slice) -> "Columns":
        """Some rows: a view for a slice, a copy for numbers."""
        return Columns(*(column[rows] for column in vars(self).values()))

    def copy(self) -> "Columns":
        """All rows, faster than by their numbers."""
        return Columns(*(column.copy() for column in vars(self).values()))

    def put(self, rows: RowNumbers | slice, columns: "Columns") -> None:
        """Overwrite some rows."""
        for mine, theirs in zip(vars(self).values(), vars(columns).values(), strict=True):
            mine[rows] = theirs

    @staticmethod
    def blank(capacity: int) -> "Columns":
        """As many rows as asked for; they cost no memory before they are used."""
        times = np.zeros((capacity, 2))  # side by side: a look at both misses the cache once
        return Columns(times[:, 0], times[:, 1], np.zeros(capacity, dtype=np.int32))


NO_ITEM = -1


def prints_of(ids: Collection[str]) -> Prints:
    """[R] some bits of each id: equal ids have equal ones, and few others have."""
    hashes = np.fromiter(map(hash, ids), dtype=np.int64, count=len(ids))
    return (hashes & BITS).astype(np.uint16)


class Rows:
    """Items by row: their ids, times and attributes.

    Room grows GROWTH times when it is full; what is not used yet costs no memory. It never falls,
    since rows do not move.
    """

    def __init__(self) -> None:
        self._columns = Columns.blank(FEWEST)
        self._ids = np.empty(FEWEST, dtype=np.object_)  # numpy gathers them faster than a list
        self._prints = np.empty(FEWEST, dtype=np.uint16)
        self._rows = Numbering()
        self._free: list[int] = []
        self.end = 0  # one more than the highest row ever in use

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._rows

    @property
    def ids(self) -> NDArray[np.object_]:
        """[end] strings; None where the row is free."""
        return self._ids[: self.end]

    @property
    def prints(self) -> Prints:
        """`prints_of` the ids of all rows that memory is held for; free ones have any."""
        return self._prints

    @property
    def columns(self) -> Columns:
        """Rows 0 to `end`, free ones included, as views that hold until the next change."""
        return self._columns.take(slice(self.end))

    @property
    def room(self) -> Columns:
        """All rows that memory is held for."""
        return self._columns

    @property
    def stored(self) -> NDArray[np.bool_]:
        """[end] whether the row has an item."""
        stored: NDArray[np.bool_] = self._columns.profiles[: self.end] != NO_ITEM
        return stored

    def holding(self, rows: RowNumbers) -> RowNumbers:
        """Those of R rows that have an item."""
        found: RowNumbers = rows[self._columns.profiles[rows] != NO_ITEM]
        return found

    def known(self) -> set[str]:
        """The ids of all items."""
        return set(self._rows)

    def find(self, ids: Collection[str]) -> RowNumbers:
        """The rows of those ids that are here, each once."""
        if not ids:
            return NO_ROWS
        found = {row for row in self._rows.find(ids) if row is not None}
        return np.fromiter(found, dtype=np.int64, count=len(found))

    def get(self, item_id: str) -> int | None:
        """The row of one item, if it is here."""
        return self._rows.get(item_id)

    def each(self, ids: Iterable[str]) -> list[int | None]:
        """The row of each id, in order; None where it is not here."""
        return self._rows.find(ids)

    def put(self, ids: Sequence[str], columns: Columns) -> RowNumbers:
        """Store R items, distinct: in their old rows if they have one, else in new ones."""
        found = self._rows.find(ids)
        new = [place for place, row in enumerate(found) if row is None]
        if new:
            for place, row in zip(new, self._enter([ids[place] for place in new]), strict=True):
                found[place] = row
        rows = np.array(found, dtype=np.int64)
        self._columns.put(rows, columns)
        return rows

    def _enter(self, ids: Sequence[str]) -> list[int]:
        """Rows for items that have none: free ones, then new ones."""
        reused = min(len(ids), len(self._free))
        end = self.end + len(ids) - reused
        self._make_room(end)
        rows = [*(self._free.pop() for _ in range(reused)), *range(self.end, end)]
        self._ids[rows], self._prints[rows] = ids, prints_of(ids)
        for item_id, row in zip(ids, rows, strict=True):
            self._rows.add(item_id, row)
        self.end = end
        return rows

    def fill(self, ids: Sequence[str], columns: Columns) -> None:
        """Take over R distinct items as rows 0 to R - 1 of what is empty."""
        self._make_room(2 * len(ids))
        self.end = len(ids)
        for start in range(0, self.end, FILLED):
            some = slice(start, min(start + FILLED, self.end))
            self._ids[some], self._prints[some] = ids[some], prints_of(ids[some])
        self._rows = Numbering(ids)
        self._columns.put(slice(self.end), columns)

    def drop(self, rows: RowNumbers) -> None:
        """Forget the items of R distinct rows."""
        for item_id in self._ids[rows].tolist():
            self._rows.remove(item_id)
        self._ids[rows] = None
        self._columns.profiles[rows] = NO_ITEM
        self._free += rows.tolist()

    def _make_room(self, end: int) -> None:
        capacity = len(self._ids)
        if end > capacity:
            larger = max(end, GROWTH * capacity)
            columns, prints = Columns.blank(larger), np.zeros(larger, dtype=np.uint16)
            ids = np.empty(larger, dtype=np.object_)
            columns.put(slice(capacity), self._columns)
            ids[:capacity], prints[:capacity] = self._ids, self._prints
            self._columns, self._ids, self._prints = columns, ids, prints
