"""Items by what they share, an author or a set of attributes: rows of `Facts`, in some order."""

from array import array
from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

NONE = array("i")


class Order(Protocol):
    """By row number, what rows are sorted by."""

    def __getitem__(self, row: int, /) -> Any:
        """A value that compares with those of other rows."""


class Postings:
    """Rows by key, sorted, four bytes each; nothing of keys without an item."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, array[int]] = {}

    def add(self, key: Hashable, row: int, order: Order) -> None:
        """One more item; `order` is that of all rows."""
        rows = self._rows.get(key)
        if rows is None:
            rows = self._rows[key] = array("i")
        if rows and order[rows[-1]] > order[row]:
            rows.insert(_place(rows, row, order), row)
        else:  # nearly always: what is new comes last
            rows.append(row)

    def drop(self, key: Hashable, row: int, order: Order) -> None:
        """One item fewer; `order` still says where it stood."""
        rows = self._rows[key]
        del rows[rows.index(row, _place(rows, row, order))]
        if not rows:
            del self._rows[key]

    def __getitem__(self, key: Hashable) -> Sequence[int]:
        """All rows of a key, in order; not to be kept or changed."""
        return self._rows.get(key, NONE)

    def last(self, key: Hashable, count: int) -> Sequence[int]:
        """The last `count` rows, in order."""
        return self._rows.get(key, NONE)[-count:]


def _place(rows: "array[int]", row: int, order: Order) -> int:
    """Where those that stand level with this one begin."""
    return bisect_left(rows, order[row], key=order.__getitem__)
