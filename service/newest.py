"""A domain's newest items, in order beside changes: nobody sorts a million to list a hundred.

Entries are (-published, stamp, row): the newest first, and those of one time in an order that is
the same on every replica and favours no id. What is older than the window's end is not kept here.
Each domain has a window of its own, lest thousands of products push out the videos.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

import numpy as np

from index.rows import RowNumbers

WIDTH = 2048  # items of the past that are kept; it is cut at twice as many
Entry = tuple[float, int, int]


class Newest:
    """A sorted window that every change goes through; items still to be published are all here."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._end: Entry | None = None  # the oldest that can be here; None: everything is
        self._rows: RowNumbers | None = None

    @property
    def whole(self) -> bool:
        """Whether no item is older than the window."""
        return self._end is None

    @property
    def rows(self) -> RowNumbers:
        """Row numbers, the newest first."""
        if self._rows is None:
            self._rows = np.array([row for _, _, row in self._entries], dtype=np.int64)
        return self._rows

    def past(self, now: float) -> RowNumbers:
        """Row numbers of what is published."""
        return self.rows[self._published(now) :]

    def add(self, entry: Entry) -> None:
        """One more item, kept if it is new enough."""
        if self._end is None or entry <= self._end:
            insort(self._entries, entry)
            self._rows = None

    def drop(self, entry: Entry) -> None:
        """One item fewer."""
        at = bisect_left(self._entries, entry)
        if at < len(self._entries) and self._entries[at] == entry:
            del self._entries[at]
            self._rows = None

    def cut(self, now: float) -> None:
        """Drop the oldest when there are too many."""
        kept = self._published(now) + WIDTH
        if len(self._entries) > kept + WIDTH:
            del self._entries[kept:]
            self._end, self._rows = self._entries[-1], None

    def sparse(self, now: float) -> bool:
        """Whether so many have left that it must be filled again."""
        past = len(self._entries) - self._published(now)
        return self._end is not None and past < WIDTH // 2

    def fill(self, entries: Iterable[Entry], whole: bool) -> None:
        """Begin again with the newest items; `whole`: these are all there are."""
        self._entries = sorted(entries)
        self._end = None if whole or not self._entries else self._entries[-1]
        self._rows = None

    def _published(self, now: float) -> int:
        """Where the past begins."""
        return bisect_left(self._entries, (-now,))
