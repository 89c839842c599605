"""The items that a filter matches, while they are few: side by side, to be scanned.

Shapes: R items, D dimensions, I interests of one query.
"""

import math

import numpy as np
from numpy.typing import NDArray

from index.rows import Columns, RowNumbers
from index.scan import Scores, Vectors, scores_of

FEWEST = 64  # items that room is made for at first


class Block:
    """R items with their vectors and times, in no order."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._size = 0
        self._reserve(FEWEST)
        self._look()

    def _reserve(self, room: int) -> None:
        self._rows = np.empty(room, dtype=np.int64)
        self._vectors = np.empty((room, self._dim), dtype=np.float32)
        self._columns = Columns.blank(room)

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> RowNumbers:
        """[R] as a view."""
        return self._rows[: self._size]

    def scores(self, query: Vectors) -> Scores:
        """[R] of a query [I, D], the best over its interests."""
        return scores_of(query, self._vectors[: self._size])

    def all_live(self, now: float) -> bool:
        """Whether every item surely is."""
        return self._published <= now < self._expires

    def live(self, now: float) -> NDArray[np.bool_]:
        """[R] whether each item is."""
        return self._columns.take(slice(self._size)).live(now)

    def put(self, rows: RowNumbers, vectors: Vectors, columns: Columns) -> None:
        """Add R rows that are not here."""
        start, end = self._size, self._size + len(rows)
        if end > len(self._rows):
            self._grow(2 * end)
        self._write(slice(start, end), rows, vectors, columns)
        self._size = end
        self._look()

    def drop(self, rows: RowNumbers) -> None:
        """Forget those of R distinct rows that are here: the last ones take their places."""
        leave = np.isin(self.rows, rows, kind="table")
        end = self._size - int(np.count_nonzero(leave))
        gaps, last = np.flatnonzero(leave[:end]), end + np.flatnonzero(~leave[end:])
        self._write(gaps, self._rows[last], self._vectors[last], self._columns.take(last))
        self._size = end
        self._look()

    def _grow(self, room: int) -> None:
        rows, vectors, columns = self._rows, self._vectors, self._columns
        self._reserve(room)
        self._write(slice(len(rows)), rows, vectors, columns)

    def _write(
        self, places: slice | RowNumbers, rows: RowNumbers, vectors: Vectors, columns: Columns
    ) -> None:
        self._rows[places] = rows
        self._vectors[places] = vectors
        self._columns.put(places, columns)

    def _look(self) -> None:
        """Note between which times all items are live, which spares searches a look at each."""
        columns = self._columns.take(slice(self._size))
        self._published = float(columns.published.max(initial=-math.inf))
        self._expires = float(columns.expires.min(initial=math.inf))
