"""The index itself: checked calls, one lock, one state; slow work happens beside it.

A search holds the lock for a query or a few, a change for a slice of half a millisecond.
What takes longer (measuring, rebuilding, saving) works on a copy, and takes the lock for slices.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from index import arguments, snapshots
from index.arguments import Times, Vectors
from index.attributes import Attributes, Profile, Profiles
from index.batch import together
from index.copies import Journal
from index.filters import Filters
from index.lists import Lists
from index.probes import Probes
from index.queries import Queries
from index.rows import Columns, RowNumbers, Rows
from index.search import Ranked, Search, State
from index.structure import Goal, Stats, Structure
from index.turns import Turns

EXACT_UP_TO = 50_000  # items: a scan of half floats takes a quarter of a millisecond
SLICE = 128  # items changed while the lock is held: about a third of a millisecond


@dataclass(frozen=True)
class Restored:
    """An index from a snapshot."""

    index: "ItemIndex"
    position: str  # of the log, that it has at least reached
    refused: tuple[str, ...]  # newer snapshots that could not be taken, and why


class ItemIndex:
    """Item vectors by string id, each with the times between which it is live and attributes.

    Safe to use from any thread. One lock serves searches and changes alike: faiss crashes when they
    overlap (faiss#367), and no search may see half an item. A call that raises changes nothing.
    Times are seconds since the epoch on the caller's clock; nothing here reads a clock. Vectors are
    kept as half floats, and scores are those of the kept vectors.

    Small, it scans everything. `maintain`, called now and then, measures the recall of the queries
    it was asked, and beyond some ten thousand items builds an inverted file that meets `recall`.

    Shapes: n items of a call, B queries, I interests of a query, D dimensions.
    """

    def __init__(self, dim: int, *, recall: float = 0.99, exact_up_to: int = EXACT_UP_TO) -> None:
        """An empty index of vectors with `dim` = D dimensions.

        `recall` is the mean share of the k best items that a search must find, measured; at 1
        nothing is left out. Up to `exact_up_to` items everything is scanned.

        Raises:
            WrongShape: `dim` is less than 1.
            InvalidRecall: `recall` is not above 0 and at most 1.
        """
        arguments.check_dim(dim)
        arguments.check_recall(recall)
        self.dim = dim
        self._lock = Turns()
        self._state = State(
            Rows(), Profiles(), Filters(), Lists.exact(dim), Probes.everything(1, recall)
        )
        self._journal = Journal()
        self._queries = Queries(dim)
        goal = Goal(recall, exact_up_to)
        self._structure = Structure(self._state, self._lock, self._journal, self._queries, goal)

    def __len__(self) -> int:
        """How many items are stored, live or not."""
        with self._lock:
            return len(self._state.rows)

    def __contains__(self, item_id: str) -> bool:
        """Whether an item is stored, live or not."""
        with self._lock:
            return item_id in self._state.rows

    def ids(self) -> set[str]:
        """Ids of all stored items, live or not."""
        with self._lock:
            return self._state.rows.known()

    def is_live(self, item_id: str, now: float) -> bool:
        """Whether an item is stored and published_at <= now < expires_at; raise InvalidTime."""
        arguments.check_now(now)
        with self._lock:
            rows = self._state.rows
            return bool(rows.columns.take(rows.find([item_id])).live(now).any())

    def upsert(
        self,
        ids: Sequence[str],
        vectors: Vectors,
        *,
        expires_at: Times | None = None,
        published_at: Times | None = None,
        attributes: Sequence[Attributes] | None = None,
    ) -> None:
        """Store items with vectors [n, D]; one that is stored already is replaced in whole.

        `expires_at` and `published_at` hold a time or None for each item, `attributes` a mapping
        of string → string or strings; without them an item is always live and has none. A search
        beside a large call may see some of its items already and others not yet.

        Raises:
            WrongShape: the vectors are not [n, D], or another argument has not n entries.
            NotFinite: a vector holds NaN, or what no half float can hold (beyond ±65,504).
            ZeroVector: a vector is zero, or so short that it is as half floats.
            DuplicateId: an id stands twice in this call.
            InvalidTime: a time is NaN.
        """
        checked = arguments.check_vectors(ids, vectors, self.dim)
        published = arguments.check_times(len(ids), published_at, missing=-np.inf)
        expires = arguments.check_times(len(ids), expires_at, missing=np.inf)
        profiles = arguments.check_attributes(len(ids), attributes)
        for part in _slices(len(ids)):
            self._put(ids[part], checked[part], published[part], expires[part], profiles[part])

    def _put(
        self,
        ids: Sequence[str],
        vectors: Vectors,
        published: arguments.Seconds,
        expires: arguments.Seconds,
        profiles: Sequence[Profile],
    ) -> None:
        state, lists = self._state, self._state.lists
        homes = lists.assign(vectors)  # most of the work, and needs no lock
        with self._lock:
            if state.lists is not lists:  # rebuilt meanwhile
                homes = state.lists.assign(vectors)
            # Acquired before the old ones are released: a profile that stays keeps its number.
            numbers = np.array([state.profiles.acquire(one) for one in profiles], dtype=np.int32)
            self._release(state.rows.find(ids))
            rows = state.rows.put(ids, Columns(published, expires, numbers))
            state.lists.put(rows, vectors, homes)
            self._touch(rows)

    def remove(self, ids: Collection[str]) -> int:
        """Drop items and return how many were stored; unknown ids are fine."""
        gone, given = 0, list(ids)
        for part in _slices(len(given)):
            with self._lock:
                rows = self._state.rows.find(given[part])
                self._drop(rows)
            gone += len(rows)
        return gone

    def expire(self, now: float) -> set[str]:
        """Drop all items with expires_at <= now and return their ids; raise InvalidTime.

        They may be many: call it from a thread of its own, searches and changes go on beside it.
        """
        arguments.check_now(now)
        with self._lock:
            rows = self._state.rows
            found = np.flatnonzero(rows.stored & (rows.columns.expires <= now))
        gone: set[str] = set()
        for part in _slices(len(found)):
            with self._lock:
                # Once more: an item may have been given more time since.
                some = rows.holding(found[part])
                some = some[rows.room.expires[some] <= now]
                gone.update(rows.ids[some].tolist())
                self._drop(some)
        return gone

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        now: float | None = None,
        exclude: Sequence[Collection[str]] = (),
        filters: Attributes | None = None,
    ) -> tuple[list[list[str]], list[list[float]]]:
        """The best k items for each of queries [B, I, D]: ids and scores, one list each per query.

        An item's score is its best inner product over the I interests. Highest first, equal scores
        by id; k items whenever that many are eligible, else all of those. Eligible is what is

        - live at `now` (None: times do not count),
        - not in this query's collection of `exclude`, which holds one per query or is empty,
        - a match for `filters`: for every key, any of the values given.

        Raises:
            WrongShape: the queries are not [B, I, D] with I ≥ 1, or `exclude` is not B collections.
            NotFinite: a query holds NaN or infinity; the message names it.
            InvalidK: k is less than 1.
            InvalidTime: `now` is NaN.
        """
        checked = arguments.check_queries(queries, self.dim)
        excluded = arguments.check_exclude(len(checked), exclude)
        arguments.check_k(k)
        arguments.check_now(now)
        with self._lock:
            self._queries.note(checked)
        barred = [frozenset(ids) for ids in excluded]
        found = together(self._state, checked, k, now, barred, self._lock) if not filters else ()
        every = [
            one or self._search(query, k, now, mine, filters)
            for query, mine, one in zip_longest(checked, barred, found)
        ]
        return [ids for ids, _ in every], [scores for _, scores in every]

    def _search(
        self,
        query: Vectors,
        k: int,
        now: float | None,
        barred: frozenset[str],
        filters: Attributes | None,
    ) -> Ranked:
        with self._lock:
            wanted = self._state.filter(filters) if filters else None
            return Search(self._state, query, k, now, barred, wanted).best()

    def maintain(self) -> Stats:
        """Measure recall on recent queries, set the probes by it, rebuild if that is due.

        Call it from a thread of its own, about once a minute: it takes seconds on millions of
        items, while searches and changes go on. A second call waits for the first.
        """
        self._structure.maintain()
        return self.stats()

    def rebuild(self) -> None:
        """Build the structure anew from all items, beside traffic, and swap it in."""
        self._structure.rebuild()

    def stats(self) -> Stats:
        """Figures for an operator."""
        return self._structure.stats()

    def save(self, folder: Path, *, model: str, position: str) -> Path:
        """Write a snapshot into a folder of snapshots, beside traffic; → its path.

        `model` names what the vectors were computed with, `position` how far the log was applied
        when this was called: the snapshot has reached it, and may hold some of what follows.

        Raises:
            SnapshotError: it cannot be written; older snapshots are as they were.
        """
        contents = self._structure.contents()
        return snapshots.write(folder, contents, snapshots.About(model, position))

    @classmethod
    def load(
        cls,
        folder: Path,
        dim: int,
        *,
        model: str,
        recall: float = 0.99,
        exact_up_to: int = EXACT_UP_TO,
    ) -> Restored:
        """The newest snapshot in a folder that is sound and fits, and why newer ones were not.

        Raises:
            NoSnapshot: there is none at all.
            SnapshotError: none of them can be taken; the message gives each one's reason.
        """
        loaded = snapshots.read(folder, dim=dim, model=model)
        index = cls(dim, recall=recall, exact_up_to=exact_up_to)
        index._structure.take(loaded.contents)
        return Restored(index, loaded.about.position, loaded.refused)

    def _drop(self, rows: RowNumbers) -> None:
        self._release(rows)
        self._state.lists.remove(rows)
        self._state.rows.drop(rows)
        self._touch(rows)

    def _release(self, rows: RowNumbers) -> None:
        for number in self._state.rows.room.profiles[rows].tolist():
            self._state.profiles.release(number)

    def _touch(self, rows: RowNumbers) -> None:
        numbers = rows.tolist()
        self._state.filters.touch(numbers)
        self._journal.note(numbers)


def _slices(count: int) -> Iterator[slice]:
    """0 to `count` in slices that the lock may be held for; between them others get a turn."""
    for start in range(0, count, SLICE):
        yield slice(start, start + SLICE)
