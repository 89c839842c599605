"""Filters in use: the rows that each matches, kept up to date, and a copy of few vectors.

The first search with a filter pays for finding its rows; later ones pay for what has changed since.
Where few rows match, their vectors are copied side by side: scanning those beats every search of
the lists, however selective the filter. The most recently used filters are kept.
"""

from collections import OrderedDict
from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from index.attributes import Attributes, Profiles
from index.lists import Found, Lists, Mask, Vectors
from index.rows import RowNumbers, Rows

KEPT = 32  # filters
FEW = 20_000  # rows that are copied and scanned rather than searched for in the lists
TOO_MANY_CHANGED = 0.1  # of the rows: finding them anew is cheaper

Key = tuple[tuple[str, tuple[str, ...]], ...]


class Block:
    """Few rows with their vectors side by side, for an exact scan."""

    def __init__(self, rows: RowNumbers, vectors: Vectors) -> None:
        self.rows = rows  # [R]
        self._vectors = vectors  # [R, D]

    def search(self, query: Vectors, fetch: int) -> Found:
        """Scores and rows [I, min(fetch, R)], best first, for each vector of a query [I, D]."""
        fetch = min(fetch, len(self.rows))
        scores = np.empty((len(query), fetch), dtype=np.float32)
        places = np.empty((len(query), fetch), dtype=np.int64)
        if fetch:
            faiss.knn_inner_product(
                faiss.swig_ptr(query), faiss.swig_ptr(self._vectors), query.shape[1], len(query),
                len(self._vectors), fetch, faiss.swig_ptr(scores), faiss.swig_ptr(places),
            )  # fmt: skip
        return scores, self.rows[places]

    def replaced(self, gone: RowNumbers, rows: RowNumbers, lists: Lists) -> "Block":
        """Without the rows that are gone, with others [R]."""
        kept = ~np.isin(self.rows, gone)
        vectors = np.concatenate([self._vectors[kept], lists.vectors(rows)])
        return Block(np.append(self.rows[kept], rows), vectors)


class Filter:
    """The rows that match, as marks, and as a block while they are few."""

    def __init__(self, wanted: Attributes) -> None:
        self._wanted = wanted
        self._changed: set[int] | None = None  # None: everything
        self.marked: NDArray[np.bool_] = np.empty(0, dtype=bool)  # [rows]
        self.count = 0
        self.block: Block | None = None
        self._mask: Mask | None = None

    @property
    def mask(self) -> Mask:
        """The marks in the form that faiss tests."""
        if self._mask is None:
            self._mask = Mask(self.marked)
        return self._mask

    def touch(self, rows: Sequence[int]) -> None:
        """These rows have changed."""
        if self._changed is not None:
            self._changed.update(rows)
            if len(self._changed) > TOO_MANY_CHANGED * len(self.marked):
                self._changed = None  # also frees the memory of a filter that nobody asks again

    def refresh(self, rows: Rows, profiles: Profiles, lists: Lists) -> None:
        """Catch up with what was touched."""
        if self._changed is None:
            self._find(rows, profiles, lists)
        elif self._changed:
            self._follow(np.array(list(self._changed), dtype=np.int64), rows, profiles, lists)
        self._changed = set()

    def _find(self, rows: Rows, profiles: Profiles, lists: Lists) -> None:
        matching = np.append(profiles.matching(self._wanted), False)  # NO_ITEM falls on the last
        self.marked = matching[rows.room.profiles]
        self.count = int(np.count_nonzero(self.marked))
        self._mask = self.block = None
        if self.count <= FEW:
            found = np.flatnonzero(self.marked)
            self.block = Block(found, lists.vectors(found))

    def _follow(self, changed: RowNumbers, rows: Rows, profiles: Profiles, lists: Lists) -> None:
        if len(self.marked) < len(rows.room.profiles):
            self.marked = np.append(
                self.marked, np.zeros(len(rows.room.profiles) - len(self.marked), dtype=bool)
            )
        numbers = rows.room.profiles[changed].tolist()
        now = np.array([profiles.match(number, self._wanted) for number in numbers], dtype=bool)
        before = self.marked[changed]
        if not (before | now).any():
            return
        self.marked[changed] = now
        self.count += int(now.sum()) - int(before.sum())
        self._mask = None
        if self.count > FEW:
            self.block = None
        elif self.block is None:
            self._changed = None  # few again
            self.refresh(rows, profiles, lists)
        else:
            self.block = self.block.replaced(changed[before], changed[now], lists)


class Filters:
    """The filters in use, the most recent last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Filter] = OrderedDict()

    def get(self, wanted: Attributes, rows: Rows, profiles: Profiles, lists: Lists) -> Filter:
        """The filter for these values, up to date."""
        key = _key(wanted)
        found = self._kept.pop(key, None) or Filter(dict(key))
        found.refresh(rows, profiles, lists)
        self._kept[key] = found
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def touch(self, rows: Sequence[int]) -> None:
        """These rows have changed."""
        for one in self._kept.values():
            one.touch(rows)


def _key(wanted: Attributes) -> Key:
    """A filter by its meaning: the order of keys and values does not matter."""
    return tuple(
        (key, (values,) if isinstance(values, str) else tuple(sorted(set(values))))
        for key, values in sorted(wanted.items())
    )
