"""What every replica knows of the catalogue without any model: whose, since when, until when.

It is filled by the same log as the vectors, keeps no text but ids, and holds the items of which no
model knows a tag too. An expired item is hidden, and stays until the sweeper's log entry takes it
away: so what is held depends on the place in the log alone, and `digest` compares replicas.

Shapes: R rows of an operation. A row is an item's number for as long as it is here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from index.attributes import Profiles, profile_of, wanted_of
from index.rows import NO_ITEM, NO_ROWS, Columns, RowNumbers, Rows
from service.catalogue import Stored
from service.digest import MODULUS, Digest, stamp
from service.item import Attributes
from service.newest import WIDTH, Entry, Newest
from service.postings import Postings
from service.terms import Terms

Mask = NDArray[np.bool_]

FEW = 4096  # rows whose sets of attributes are judged one by one


class Traits:
    """What is kept of each row beside the columns of `Rows`; no memory before a row is used."""

    def __init__(self, capacity: int) -> None:
        self.stamps = np.zeros(capacity, dtype=np.uint64)  # of the item's version
        self.domains = np.zeros(capacity, dtype=np.int32)  # number of its domain
        self.seen = np.zeros(capacity, dtype=np.uint32)  # impressions, as last counted
        self.authors = np.empty(capacity, dtype=np.object_)
        self.dates = np.zeros(capacity)  # of publication; NaN where nobody said

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
        self._authors = Postings()
        self._alike = Postings()  # by number of their set of attributes
        self._windows: defaultdict[int, Newest] = defaultdict(Newest)  # by number of domain
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
        columns, known = self._columns(kept), self._rows.find(items)
        before = dict(zip(known.tolist(), self._rows.room.profiles[known].tolist(), strict=True))
        left = self._traits.domains[known].tolist()
        self._leave(known)
        self._drop(self._rows.find([one for one, stored in items.items() if stored is None]))
        entered = self._enter(kept, columns)
        self._regroup(before, entered)
        self._trim({*left, *self._traits.domains[entered].tolist()})

    def settle(self) -> None:
        """It is always ready."""

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
            self._windows[self._traits.domains[row]].drop(self._entry(row))
            if (author := self._traits.authors[row]) is not None:
                self._authors.drop(author, row, columns.published)
        self._total = (self._total - sum(self._traits.stamps[rows].tolist())) % MODULUS

    def _drop(self, rows: RowNumbers) -> None:
        self._traits.seen[rows] = 0
        self._traits.authors[rows] = None
        self._rows.drop(rows)

    def _enter(self, items: Sequence[Stored], columns: Columns) -> RowNumbers:
        rows = self._rows.put([one.item.item_id for one in items], columns)
        order = self._rows.room.published
        if len(order) > len(self._traits.stamps):
            self._traits = self._traits.widened(len(order))
        stamps = [stamp(one.item.item_id, one.version) for one in items]
        self._traits.stamps[rows] = np.array(stamps, dtype=np.uint64)
        domains = [self._domain(one.item.domain) for one in items]
        self._traits.domains[rows] = domains
        self._traits.authors[rows] = [one.item.author_id for one in items]
        self._traits.dates[rows] = np.array([one.item.published_at for one in items], dtype=float)
        self._total = (self._total + sum(stamps)) % MODULUS
        entries = zip((-columns.published).tolist(), stamps, rows.tolist(), strict=True)
        for entry, domain, one in zip(entries, domains, items, strict=True):
            self._windows[domain].add(entry)
            if one.item.author_id is not None:
                self._authors.add(one.item.author_id, entry[-1], order)
        return rows

    def _regroup(self, before: Mapping[int, int], entered: RowNumbers) -> None:
        """Move rows whose set of attributes is another than before; mostly there are none."""
        numbers = self._rows.room.profiles
        after = dict(zip(entered.tolist(), numbers[entered].tolist(), strict=True))
        order = range(len(numbers))  # of no meaning, but the one that is cheapest to keep
        for row in {**before, **after}:
            was, now = before.get(row, NO_ITEM), after.get(row, NO_ITEM)
            if was != now and was != NO_ITEM:
                self._alike.drop(was, row, order)
            if was != now and now != NO_ITEM:
                self._alike.add(now, row, order)

    def _domain(self, name: str) -> int:
        return self._domains.setdefault(name, len(self._domains))

    def _entry(self, row: int) -> Entry:
        return -float(self._rows.room.published[row]), int(self._traits.stamps[row]), row

    def _trim(self, domains: Iterable[int]) -> None:
        """Windows that changed: the oldest leave one that is too long, a short one is filled."""
        now = self._now()
        for domain in domains:
            window = self._windows[domain]
            window.cut(now)
            if window.sparse(now):
                self._refill(domain, now)

    def _refill(self, domain: int, now: float) -> None:
        """The window over a domain's newest items again, after many of them left."""
        stored = self._all({})
        stored = stored[self._traits.domains[stored] == domain]
        ahead = self._rows.room.published[stored] > now
        past = self.newest_of(stored[~ahead], 2 * WIDTH)
        rows = [*stored[ahead].tolist(), *past.tolist()]
        self._windows[domain].fill(map(self._entry, rows), whole=len(rows) == len(stored))

    def note_seen(self, item_ids: Sequence[str], counts: Sequence[int]) -> None:
        """How often each of some items was seen, as last counted."""
        for item_id, count in zip(item_ids, counts, strict=True):
            if (row := self._rows.get(item_id)) is not None:
                self._traits.seen[row] = count

    def window(self, domain: str) -> Newest:
        """The newest items of a domain, live or not."""
        return self._windows.get(self._domains.get(domain, -1), Newest())

    def latest(self, terms: Terms, wanted: int) -> list[RowNumbers]:
        """Eligible rows, the newest first, those of each domain apart where they are so here.

        The newest `wanted` of all are among them, where there are as many.
        """
        if not self._narrow(terms.filters):
            found = [self._in_window(domain, terms, wanted) for domain in set(terms.domains)]
            enough = [rows for rows in found if rows is not None]
            if len(enough) == len(found):
                return enough
        rows = self._all(terms.filters)
        return [self.newest_of(rows[self.eligible(rows, terms)], wanted)]

    def _in_window(self, domain: str, terms: Terms, wanted: int) -> RowNumbers | None:
        """Eligible rows of a domain's window; None where older ones may be wanted too."""
        window = self.window(domain)
        rows = window.rows[self.eligible(window.rows, terms)]
        return rows if window.whole or len(rows) >= wanted else None

    def merged(self, found: Sequence[RowNumbers], count: int) -> RowNumbers:
        """The newest `count` of rows that stand newest first in each of `found`."""
        if len(found) == 1:
            return found[0][:count]
        return self.newest_of(np.concatenate([NO_ROWS, *(rows[:count] for rows in found)]), count)

    def _narrow(self, filters: Attributes) -> bool:
        """Whether looking at all that match is less work than looking at the newest."""
        matching = (len(self._alike[number]) for number in self._numbers(filters))
        return bool(filters) and sum(matching) <= WIDTH

    def _numbers(self, filters: Attributes) -> list[int]:
        """Of the sets of attributes that match."""
        found: list[int] = np.flatnonzero(self._profiles.matching(wanted_of(filters))).tolist()
        return found

    def _all(self, filters: Attributes) -> RowNumbers:
        """All rows that match, in any order."""
        if not filters:
            return np.flatnonzero(self._rows.stored)
        some = [np.array(self._alike[number]) for number in self._numbers(filters)]
        return np.concatenate([np.empty(0, dtype=np.int64), *some])

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
        return self._authors.last(author, count)

    def author_of(self, item_id: str) -> str | None:
        """Whose an item is, where that is known."""
        row = self._rows.get(item_id)
        author: str | None = None if row is None else self._traits.authors[row]
        return author

    def find(self, item_ids: Iterable[str]) -> RowNumbers:
        """Rows of those items that are here, in their order."""
        rows = [row for item_id in item_ids if (row := self._rows.get(item_id)) is not None]
        return np.array(rows, dtype=np.int64)

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
        wanted = wanted_of(filters)
        if len(numbers) > FEW:
            return self._profiles.matching(wanted)[numbers]
        distinct, place = np.unique(numbers, return_inverse=True)
        matches = [self._profiles.match(number, wanted) for number in distinct.tolist()]
        return np.array(matches, dtype=bool)[place]

    def published(self, rows: RowNumbers) -> NDArray[np.float64]:
        """[R] epoch seconds."""
        return self._rows.room.published[rows]

    def dates(self, item_ids: Sequence[str]) -> list[float]:
        """Epoch seconds at which each was published; NaN where nobody said, or it is gone."""
        rows = np.array(self._rows.each(item_ids), dtype=float)  # NaN where it is gone
        here = ~np.isnan(rows)
        dates = np.full(len(rows), np.nan)
        dates[here] = self._traits.dates[rows[here].astype(np.int64)]
        found: list[float] = dates.tolist()
        return found

    def seen(self, rows: RowNumbers) -> NDArray[np.uint32]:
        """[R] impressions, as last counted."""
        return self._traits.seen[rows]

    def ids(self, rows: RowNumbers) -> list[str]:
        """The items of R rows."""
        found: list[str] = self._rows.ids[rows].tolist()
        return found
