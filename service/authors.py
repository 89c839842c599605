"""Whose items are whose: each author's items in order of publication. Rows are those of `Facts`."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]

NONE = array("i")


class Authors:
    """Items by author, the oldest first, four bytes an item; nothing of authors without one."""

    def __init__(self) -> None:
        self._rows: dict[str, array[int]] = {}

    def add(self, author: str, row: int, published: Times) -> None:
        """One more item; `published` holds the times of all rows."""
        rows = self._rows.get(author)
        if rows is None:
            rows = self._rows[author] = array("i")
        if rows and published[rows[-1]] > published[row]:
            rows.insert(_place(rows, row, published), row)
        else:  # nearly always: what comes last is newest
            rows.append(row)

    def drop(self, author: str, row: int, published: Times) -> None:
        """One item fewer; `published` still says when it was."""
        rows = self._rows[author]
        del rows[rows.index(row, _place(rows, row, published))]
        if not rows:
            del self._rows[author]

    def newest(self, author: str, count: int) -> Sequence[int]:
        """Rows of the newest `count` items, the oldest of them first."""
        return self._rows.get(author, NONE)[-count:]


def _place(rows: "array[int]", row: int, published: Times) -> int:
    """Where the items of this one's time begin."""
    return bisect_left(rows, published[row], key=published.__getitem__)
