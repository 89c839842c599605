"""Filters in use: the rows that each matches, kept up to date, and a copy of few vectors.

The first search with a filter pays for finding its rows; later ones pay for what has changed since.
Where few rows match, their vectors are copied side by side: scanning those beats every search of
the lists, however selective the filter. Each search copies some, until all are there, because the
lock is held meanwhile. The most recently used filters are kept.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.attributes import Attributes, Profiles, Wanted, wanted_of
from index.block import Block
from index.lists import Lists, Mask
from index.rows import NO_ROWS, RowNumbers, Rows

KEPT = 32  # filters
FEW = 20_000  # rows that are copied and scanned rather than searched for in the lists
AT_ONCE = 512  # rows copied by one search: half a millisecond
FOLLOWED = 10_000  # changed rows, or a tenth of all; beyond that it is cheaper to find them anew


class Filter:
    """The rows that match, as marks, and as a block while they are few."""

    def __init__(self, wanted: Wanted, rows: Rows, profiles: Profiles, dim: int) -> None:
        """Find them."""
        self._wanted = wanted
        self._dim = dim
        self._changed: set[int] = set()
        self._most = min(FOLLOWED, rows.end // 10)
        matching = np.append(profiles.matching(wanted), False)  # NO_ITEM falls on the last
        marked = matching[rows.columns.profiles]
        self.mask, self.count = Mask(marked), int(np.count_nonzero(marked))
        self._block: Block | None = None  # None: too many match
        self._owed = NO_ROWS  # rows that the block has yet to get
        self._settle(rows.end)

    @property
    def block(self) -> Block | None:
        """All rows that match, if they are few and have been copied by now."""
        return None if len(self._owed) else self._block

    def among(self, rows: RowNumbers) -> RowNumbers:
        """Those of R rows that match."""
        return rows[self.mask.of(rows)]

    def touch(self, rows: Sequence[int]) -> bool:
        """These rows have changed; whether it still pays to follow."""
        self._changed.update(rows)
        return len(self._changed) <= self._most

    def refresh(self, rows: Rows, profiles: Profiles, lists: Lists) -> None:
        """Catch up with what was touched, and copy some of what is owed."""
        if self._changed:
            changed = np.fromiter(self._changed, dtype=np.int64, count=len(self._changed))
            self._changed = set()
            self._follow(changed, rows, profiles)
        if len(self._owed) and self._block is not None:
            paid, self._owed = np.split(self._owed, [AT_ONCE])
            self._block.put(paid, lists.vectors(paid), rows.room.take(paid))

    def _follow(self, changed: RowNumbers, rows: Rows, profiles: Profiles) -> None:
        self.mask.widen(rows.end)
        before, now = self.mask.of(changed), self._matches(changed, rows, profiles)
        if not (before | now).any():
            return
        self.mask.mark(changed, now)
        self.count += int(now.sum()) - int(before.sum())
        if self._block is not None:
            self._block.drop(changed[before])
            owed = self._owed[~np.isin(self._owed, changed)]
            self._owed = np.append(owed, changed[now])
        self._settle(rows.end)

    def _matches(self, changed: RowNumbers, rows: Rows, profiles: Profiles) -> NDArray[np.bool_]:
        """[R] whether each changed row matches now."""
        numbers, which = np.unique(rows.room.profiles[changed], return_inverse=True)
        matches = [profiles.match(number, self._wanted) for number in numbers.tolist()]
        return np.array(matches, dtype=bool)[which]

    def _settle(self, end: int) -> None:
        """Have a block if few match, and none if many do."""
        if self.count > FEW:
            self._block, self._owed = None, NO_ROWS
        elif self._block is None:
            self._block, self._owed = Block(self._dim), np.flatnonzero(self.mask.marked(end))


class Filters:
    """The filters in use, the most recent last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Wanted, Filter] = OrderedDict()

    def get(self, filters: Attributes, rows: Rows, profiles: Profiles, lists: Lists) -> Filter:
        """The filter for these values, up to date."""
        wanted = wanted_of(filters)
        found = self._kept.pop(wanted, None) or Filter(wanted, rows, profiles, lists.dim)
        found.refresh(rows, profiles, lists)
        self._kept[wanted] = found
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def touch(self, rows: Sequence[int]) -> None:
        """These rows have changed; a filter that was not asked for meanwhile may be forgotten."""
        for wanted, one in list(self._kept.items()):
            if not one.touch(rows):
                del self._kept[wanted]
