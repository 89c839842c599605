"""What every replica knows of the catalogue without any model: whose, since when, until when.

It is filled by the same log as the vectors, keeps no text but ids, and holds the items of which no
model knows a tag too. An expired item is hidden, and stays until the sweeper's log entry takes it
away: so what is held depends on the place in the log alone, and `digest` compares replicas.

Shapes: R rows of an operation. A row is an item's number for as long as it is here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from index.attributes import Profiles, profile_of
from index.rows import Columns, RowNumbers, Rows
from service.authors import Authors
from service.catalogue import Stored
from service.digest import MODULUS, Digest, stamp
from service.item import Attributes
from service.newest import WIDTH, Entry, Newest
from service.terms import Terms

Mask = NDArray[np.bool_]

FEW = 4096  # rows whose sets of attributes are judged one by one


class Traits:
    """What is kept of each row beside the columns of `Rows`."""

    def __init__(self, capacity: int) -> None:
        self.stamps = np.zeros(capacity, dtype=np.uint64)  # of the item's version
        self.domains = np.zeros(capacity, dtype=np.int32)  # number of its domain
        self.seen = np.zeros(capacity, dtype=np.uint32)  # impressions, as last counted
        self.authors = np.full(capacity, None, dtype=np.object_)

    def widened(self, capacity: int) -> "Traits":
        """The same with more room."""
        wider = Traits(capacity)
        for name, column in vars(self).items():
            vars(wider)[name][: len(column)] = column
        return wider


class Facts:
    """A shelf of facts (`service.replica.Shelf`); `now` gives epoch seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rows = Rows()
        self._traits = Traits(len(self._rows.room.published))
        self._profiles = Profiles()
        self._domains: dict[str, int] = {}  # a domain once named keeps its number
        self._authors = Authors()
        self._newest = Newest()
        self._total = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._rows

    @property
    def digest(self) -> Digest:
        """Of everything here, live or not."""
        return Digest(len(self._rows), self._total)

    def put(self, items: Mapping[str, Stored | None]) -> None:
        """Take these items in place of what was known of them; None is a deletion."""
        kept = [stored for stored in items.values() if stored is not None]
        columns = self._columns(kept)
        self._leave(self._rows.find(items))
        self._drop(self._rows.find([one for one, stored in items.items() if stored is None]))
        self._enter(kept, columns)
        now = self._now()
        self._newest.cut(now)
        if self._newest.sparse(now):
            self._refill(now)

    def _columns(self, items: Sequence[Stored]) -> Columns:
        now = self._now()
        published = [
            # Without a time of its own an item is as new as what the log last said of it.
            min(one.logged_at, now) if one.item.published_at is None else one.item.published_at
            for one in items
        ]
        expires = [np.inf if one.item.expires_at is None else one.item.expires_at for one in items]
        numbers = [self._profiles.acquire(profile_of(one.item.attributes)) for one in items]
        return Columns(np.array(published), np.array(expires), np.array(numbers, dtype=np.int32))

    def _leave(self, rows: RowNumbers) -> None:
        """Take R items out of all that is ordered, counted or summed; their rows stay."""
        columns = self._rows.room
        for row in rows.tolist():
            self._profiles.release(int(columns.profiles[row]))
            self._newest.drop(self._entry(row))
            if (author := self._traits.authors[row]) is not None:
                self._authors.drop(author, row, columns.published)
        self._total = (self._total - sum(self._traits.stamps[rows].tolist())) % MODULUS

    def _drop(self, rows: RowNumbers) -> None:
        self._traits.seen[rows] = 0
        self._traits.authors[rows] = None
        self._rows.drop(rows)

    def _enter(self, items: Sequence[Stored], columns: Columns) -> None:
        rows = self._rows.put([one.item.item_id for one in items], columns)
        published = self._rows.room.published
        if len(published) > len(self._traits.stamps):
            self._traits = self._traits.widened(len(published))
        stamps = [stamp(one.item.item_id, one.version) for one in items]
        self._traits.stamps[rows] = np.array(stamps, dtype=np.uint64)
        self._traits.domains[rows] = [self._domain(one.item.domain) for one in items]
        self._traits.authors[rows] = [one.item.author_id for one in items]
        self._total = (self._total + sum(stamps)) % MODULUS
        for row, one in zip(rows.tolist(), items, strict=True):
            self._newest.add(self._entry(row))
            if one.item.author_id is not None:
                self._authors.add(one.item.author_id, row, published)

    def _domain(self, name: str) -> int:
        return self._domains.setdefault(name, len(self._domains))

    def _entry(self, row: int) -> Entry:
        return -float(self._rows.room.published[row]), int(self._traits.stamps[row]), row

    def _refill(self, now: float) -> None:
        """The window over the newest items again, after many of them left."""
        stored = self.every()
        ahead = self._rows.room.published[stored] > now
        past = self.newest_of(stored[~ahead], 2 * WIDTH)
        rows = [*stored[ahead].tolist(), *past.tolist()]
        self._newest.fill(map(self._entry, rows), whole=len(rows) == len(stored))

    def note_seen(self, item_ids: Sequence[str], counts: Sequence[int]) -> None:
        """How often each of some items was seen, as last counted."""
        for item_id, count in zip(item_ids, counts, strict=True):
            if (row := self._rows.get(item_id)) is not None:
                self._traits.seen[row] = count

    def newest(self) -> tuple[RowNumbers, bool]:
        """The newest items, the newest first, live or not; and whether there are no others."""
        return self._newest.rows, self._newest.whole

    def newest_of(self, rows: RowNumbers, count: int) -> RowNumbers:
        """The newest `count` of R rows, the newest first; of one time in the order of stamps."""
        if len(rows) > 2 * count:
            rows = self._among(rows, count)
        published, stamps = self._rows.room.published[rows], self._traits.stamps[rows]
        return rows[np.lexsort((stamps, -published))][:count]

    def _among(self, rows: RowNumbers, count: int) -> RowNumbers:
        """Fewer rows, the newest `count` still among them."""
        published = self._rows.room.published[rows]
        last = np.partition(published, len(rows) - count)[len(rows) - count]
        ties = rows[published == last]
        if len(ties) > count:  # a whole import of one day, say
            ties = ties[np.argpartition(self._traits.stamps[ties], count)[:count]]
        return np.concatenate([rows[published > last], ties])

    def by_author(self, author: str, count: int) -> Sequence[int]:
        """Rows of an author's newest `count` items, live or not."""
        return self._authors.newest(author, count)

    def author_of(self, item_id: str) -> str | None:
        """Whose an item is, where that is known."""
        row = self._rows.get(item_id)
        author: str | None = None if row is None else self._traits.authors[row]
        return author

    def find(self, item_ids: Iterable[str]) -> RowNumbers:
        """Rows of those items that are here, in their order."""
        rows = [row for item_id in item_ids if (row := self._rows.get(item_id)) is not None]
        return np.array(rows, dtype=np.int64)

    def every(self) -> RowNumbers:
        """The rows of all items."""
        return np.flatnonzero(self._rows.stored)

    def eligible(self, rows: RowNumbers, terms: Terms) -> Mask:
        """[R] whether each meets the terms."""
        columns = self._rows.room
        kept: Mask = (columns.published[rows] <= terms.now) & (columns.expires[rows] > terms.now)
        wanted = [self._domains[name] for name in terms.domains if name in self._domains]
        kept &= np.isin(self._traits.domains[rows], wanted)
        if terms.filters:
            kept &= self._matching(columns.profiles[rows], terms.filters)
        if terms.exclude:
            kept &= ~np.isin(rows, self._rows.find(terms.exclude))
        return kept

    def _matching(self, numbers: NDArray[np.int32], filters: Attributes) -> Mask:
        """[R] whether each set of attributes, by its number, matches."""
        if len(numbers) > FEW:
            return self._profiles.matching(filters)[numbers]
        distinct, place = np.unique(numbers, return_inverse=True)
        matches = [self._profiles.match(number, filters) for number in distinct.tolist()]
        return np.array(matches, dtype=bool)[place]

    def published(self, rows: RowNumbers) -> NDArray[np.float64]:
        """[R] epoch seconds."""
        return self._rows.room.published[rows]

    def seen(self, rows: RowNumbers) -> NDArray[np.uint32]:
        """[R] impressions, as last counted."""
        return self._traits.seen[rows]

    def ids(self, rows: RowNumbers) -> list[str]:
        """The items of R rows."""
        found: list[str] = self._rows.ids[rows].tolist()
        return found
