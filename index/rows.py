"""Where items lie: contiguous columns in which row r of each belongs to the same item.

Shapes: n items, D dimensions, R rows of an operation. Nothing here is locked or checked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RowNumbers = NDArray[np.intp]

FEWEST = 64  # rows of capacity below which shrinking saves nothing worth a copy


def lengths_of(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Euclidean lengths, [..., D] → [...]; float64 cannot overflow on the way."""
    lengths: NDArray[np.float64] = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=-1))
    return lengths


@dataclass(frozen=True)
class Columns:
    """The same R rows of every column."""

    vectors: NDArray[np.float32]  # [R, D]
    lengths: NDArray[np.float64]  # [R] of the vectors
    published: NDArray[np.float64]  # [R] seconds since the epoch; -inf: from the start
    expires: NDArray[np.float64]  # [R] seconds since the epoch; +inf: never
    profiles: NDArray[np.intp]  # [R] number of the item's attributes

    def live(self, now: float) -> NDArray[np.bool_]:
        """[R] whether published <= now < expires."""
        return (self.published <= now) & (now < self.expires)

    def take(self, rows: RowNumbers | slice) -> "Columns":
        """Some rows: a view for a slice, a copy for numbers."""
        return Columns(*(column[rows] for column in vars(self).values()))

    def put(self, rows: RowNumbers | slice, columns: "Columns") -> None:
        """Overwrite some rows."""
        for mine, theirs in zip(vars(self).values(), vars(columns).values(), strict=True):
            mine[rows] = theirs

    def blank(self, capacity: int) -> "Columns":
        """As many rows as asked for, of the same types, with nothing in them yet."""
        made = (np.empty((capacity, *old.shape[1:]), old.dtype) for old in vars(self).values())
        return Columns(*made)


class Rows:
    """n items in rows 0 to n - 1, without gaps; the order means nothing.

    Capacity doubles when it is full and falls to twice the need when three quarters are empty: the
    cost of copying stays constant per item, the memory at most four times what the items need.
    """

    def __init__(self, dim: int) -> None:
        none = np.empty(0)
        self._columns = Columns(
            vectors=np.empty((0, dim), dtype=np.float32),
            lengths=none,
            published=none,
            expires=none,
            profiles=none.astype(np.intp),
        ).blank(FEWEST)
        self._rows: dict[str, int] = {}
        self.ids: list[str] = []

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def capacity(self) -> int:
        """Rows that memory is held for."""
        return len(self._columns.vectors)

    @property
    def columns(self) -> Columns:
        """All n rows, as views that hold until the next change."""
        return self._columns.take(slice(len(self)))

    def find(self, ids: Iterable[str]) -> RowNumbers:
        """The rows of those ids that are here, each once."""
        rows = {row for id_ in ids if (row := self._rows.get(id_)) is not None}
        return np.fromiter(rows, dtype=np.intp, count=len(rows))

    def put(self, ids: Sequence[str], columns: Columns) -> None:
        """Store R items, distinct: in their old rows if they have one, else in new ones."""
        fresh = [id_ for id_ in ids if id_ not in self._rows]
        self._make_room(len(self) + len(fresh))
        self._rows |= {id_: row for row, id_ in enumerate(fresh, start=len(self))}
        self.ids += fresh
        rows = np.fromiter((self._rows[id_] for id_ in ids), dtype=np.intp, count=len(ids))
        self._columns.put(rows, columns)

    def drop(self, rows: RowNumbers) -> None:
        """Forget the items of R distinct rows; the last items move into the gaps."""
        kept = len(self) - len(rows)
        for row in rows:
            del self._rows[self.ids[row]]
        gaps, movers = rows[rows < kept], np.setdiff1d(np.arange(kept, len(self)), rows)
        self._columns.put(gaps, self._columns.take(movers))
        for gap, mover in zip(gaps.tolist(), movers.tolist(), strict=True):
            self.ids[gap] = self.ids[mover]
            self._rows[self.ids[gap]] = gap
        del self.ids[kept:]
        self._give_back()

    def _make_room(self, count: int) -> None:
        if count > self.capacity:
            self._resize(max(count, 2 * self.capacity))

    def _give_back(self) -> None:
        if self.capacity > max(FEWEST, 4 * len(self)):
            self._resize(max(FEWEST, 2 * len(self)))
            self._rows = {id_: row for row, id_ in enumerate(self.ids)}  # dicts never shrink

    def _resize(self, capacity: int) -> None:
        columns = self._columns.blank(capacity)
        columns.put(slice(len(self)), self.columns)
        self._columns = columns
