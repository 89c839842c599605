"""Which structure the index has: measured, built and swapped in beside traffic.

While few items are stored one list is scanned whole. Beyond that an inverted file is built for the
queries that were really asked, and its probes are set by their recall. One slow work at a time;
each takes the index's lock for slices.
"""

import math
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.contents import Contents
from index.copies import Copy, Journal, copy_of, some_of
from index.lists import Lists, Vectors
from index.partition import SEED, Partition, learned, likeness, metric_of
from index.probes import Probes, measure
from index.queries import KEPT, Queries
from index.rows import Columns, RowNumbers
from index.search import State
from index.turns import Turns

LISTS = 2048  # fastest at 100,000 items and at a million alike, but
FEWEST, MOST = 2.0, 5.0  # times √n: as many lists as that at least and at most
DEPTH = 100  # items of a search, for figures that need one
WASTEFUL = 0.5  # share of the lists from which on scanning everything is as fast
OUTGROWN = 4  # times as many or as few items as when it was built
DRIFTED = 1.5  # times the probes that it took when it was built
TURNED_OVER = 1.0  # changes an item, one when it comes and one when it goes
STALE = 0.1  # share of changed items below which they cannot have drifted
REST = 3.0  # times the processor time of measuring beside traffic: at most a quarter of a core
ALIKE = 0.75  # likeness of queries below which lists are made anew, and
THE_SAME = 0.95  # … probes measured anew
AT_ONCE = 256  # changed rows caught up with while the lock is held
ASSIGNED = 8192  # vectors at a time
UNSHARED: AbstractContextManager[None] = nullcontext()  # nobody else has them yet


class Goal(NamedTuple):
    """What the structure is built for."""

    recall: float  # mean share of the k best items that a search must find; 1: every search exact
    exact_up_to: int  # items

    @property
    def scanned_up_to(self) -> float:
        """Items; at recall 1 all lists would be probed, so one is as good at any size."""
        return self.exact_up_to if self.recall < 1 or WASTEFUL >= 1 else math.inf


class Stats(NamedTuple):
    """Figures of an index at one moment."""

    items: int
    lists: int  # 1: every search is exact
    probes: int  # lists that a search for DEPTH items scans
    recall: float  # of DEPTH items by score, as last measured
    rebuilds: int  # since it was made or loaded


class Measured(NamedTuple):
    """When the probes were."""

    metric: Vectors  # of the queries
    changes: int  # of items by then


class Structure:
    """Builds, measures and copies what a state holds."""

    def __init__(
        self, state: State, lock: Turns, journal: Journal, queries: Queries, goal: Goal
    ) -> None:
        self._state = state
        self._lock = lock
        self._journal = journal
        self._queries = queries
        self._goal = goal
        self._busy = threading.Lock()
        self.rebuilds = 0
        self._measured: Measured | None = None  # beside traffic, of the lists that are
        self._remember(0)

    def _remember(self, items: int) -> None:
        """What the structure was when it was built."""
        self._items, self._probes = items, self._state.probes.of(DEPTH)
        self._changes = self._journal.total
        self._measured = None

    def maintain(self) -> None:
        """Measure, set the probes, and rebuild if the structure no longer suits items or queries.

        What has been measured holds while both are about the same.
        """
        with self._busy:
            with self._lock:
                queries = self._queries.recent
            metric = metric_of(queries.shape[1], queries)
            if self._outgrown() or self._turned_over() or self._is_made_for_others(queries, metric):
                self._rebuild()
            elif len(queries) and self._state.lists.count > 1 and self._is_news(metric):
                self._measure(queries, metric)
                if self._drifted():
                    self._rebuild()

    def _is_made_for_others(self, queries: Vectors, metric: Vectors) -> bool:
        """Whether who asks now tells items apart otherwise than those whom the lists are for."""
        lists = self._state.lists
        known = lists.count > 1 and len(queries) == KEPT
        return known and likeness(lists.partition.metric, metric) < ALIKE

    def _is_news(self, metric: Vectors) -> bool:
        if self._measured is None or likeness(self._measured.metric, metric) < THE_SAME:
            return True
        return self._journal.total - self._measured.changes > STALE * len(self._state.rows)

    def _measure(self, queries: Vectors, metric: Vectors) -> None:
        self._measured = Measured(metric, self._journal.total)
        found = measure(self._state.lists, queries, self._goal.recall, self._lock, REST)
        with self._lock:
            self._state.probes = found

    def _outgrown(self) -> bool:
        items = len(self._state.rows)
        if items <= self._goal.scanned_up_to:
            return self._state.lists.count > 1 and items * OUTGROWN < self._goal.scanned_up_to
        return items > OUTGROWN * self._items or items * OUTGROWN < self._items

    def _turned_over(self) -> bool:
        """Whether its lists are those of items that are mostly gone, and their room with them."""
        changed = self._journal.total - self._changes
        return self._state.lists.count > 1 and changed > TURNED_OVER * len(self._state.rows)

    def _drifted(self) -> bool:
        """Whether items are no longer those that the lists were made for."""
        changed = self._journal.total - self._changes
        drifted = self._state.probes.of(DEPTH) > DRIFTED * self._probes
        return drifted and changed > STALE * len(self._state.rows)

    def rebuild(self) -> None:
        """Build anew from all items, and swap it in."""
        with self._busy:
            self._rebuild()

    def _rebuild(self) -> None:
        replaced = self._state.lists  # so that its memory is freed after the lock is
        with self._journal.watch(self._lock) as changed:
            copied = copy_of(replaced, self._state.rows.end, self._lock)
            with self._lock:
                queries = self._queries.recent
            lists, probes = build(copied, queries, self._goal)
            items = len(lists)
            del copied
            while not self._catch_up(lists, probes, changed):
                pass
        self.rebuilds += 1
        # A small one is outgrown as soon as it is large, however large it was when it was built.
        self._remember(items if items > self._goal.scanned_up_to else 0)

    def _catch_up(self, lists: Lists, probes: Probes, changed: set[int]) -> bool:
        """Bring some of what changed over; with the last of it, swap → True."""
        with self._lock:
            rows, stored, vectors = self._some_of(changed)
            if not changed:
                _replace(lists, rows, stored, vectors)
                self._state.lists, self._state.probes = lists, probes
                return True
        _replace(lists, rows, stored, vectors)
        return False

    def _some_of(self, changed: set[int]) -> tuple[RowNumbers, RowNumbers, Vectors]:
        """Rows taken out, those of them that have an item, and their vectors."""
        rows = some_of(changed, AT_ONCE)
        stored = self._state.rows.holding(rows)
        return rows, stored, self._state.lists.vectors(stored)

    def stats(self) -> Stats:
        """Figures for an operator."""
        with self._lock:
            state, probes = self._state, self._state.probes
            probed = probes.of(DEPTH)
            recall = probes.recall(probed, DEPTH)
            return Stats(len(state.rows), state.lists.count, probed, recall, self.rebuilds)

    def contents(self) -> Contents:
        """All items at one moment, at the end of this call."""
        with self._busy, self._journal.watch(self._lock) as changed:
            copied = copy_of(self._state.lists, self._state.rows.end, self._lock)
            kept = Kept(self._state)
            while not self._follow(copied, kept, changed):
                pass
            return kept.contents(copied, self._queries.recent)

    def _follow(self, copied: Copy, kept: "Kept", changed: set[int]) -> bool:
        """Copy some rows that changed; with the last of them, what must be of one moment → True."""
        with self._lock:
            rows, stored, vectors = self._some_of(changed)
            copied.drop(rows)
            copied.put(stored, vectors.astype(np.float16), self._state.lists.homes(stored))
            if not changed:
                kept.take()
            return not changed

    def take(self, contents: Contents) -> None:
        """Become what was saved; for an index that is still empty."""
        state = self._state
        rows = np.arange(len(contents), dtype=np.int64)
        columns = Columns(contents.published, contents.expires, contents.profiles)
        partition = Partition(contents.centroids, contents.spreads, contents.metric)
        lists = Lists.filled(partition, contents.lists, rows, contents.codes)
        probes = Probes(contents.places, lists.count, self._goal.recall).prepared()
        with self._lock:
            state.rows.fill(contents.ids, columns)
            state.profiles.fill(contents.table, contents.profiles)
            state.lists, state.probes = lists, probes
            self._queries.take(contents.queries)
        self._remember(len(contents) if lists.count > 1 else 0)


class Kept:
    """What belongs to items beside their vectors, of one moment."""

    def __init__(self, state: "State") -> None:
        self._state = state

    def take(self) -> None:
        """Copy; the caller holds the lock. Some ten milliseconds on a million items."""
        rows = self._state.rows
        self._ids = rows.ids.copy()
        self._columns = rows.columns.copy()
        self._table = self._state.profiles.table()

    def contents(self, copied: Copy, queries: Vectors) -> Contents:
        """Together with the vectors."""
        rows, partition = copied.rows, self._state.lists.partition
        columns = self._columns.take(rows)
        used, profiles = np.unique(columns.profiles, return_inverse=True)
        return Contents(
            self._ids[rows].tolist(),
            copied.codes[rows],
            columns.published,
            columns.expires,
            profiles.astype(np.int32),
            [self._table[number] for number in used.tolist()],
            copied.homes[rows],
            partition.centroids,
            partition.spreads,
            partition.metric,
            queries,
            self._state.probes.places,
        )


def _replace(lists: Lists, rows: RowNumbers, stored: RowNumbers, vectors: Vectors) -> None:
    lists.remove(np.setdiff1d(rows, stored))
    lists.put(stored, vectors, lists.assign(vectors))


def build(copied: Copy, queries: Vectors, goal: Goal) -> tuple[Lists, Probes]:
    """Lists of what was copied, as many as serve it best, and their measured probes."""
    rows = copied.rows
    codes = copied.codes[rows]
    if len(rows) > goal.scanned_up_to:
        partition = learned(codes, _lists_for(len(rows)), queries)
        lists = Lists.filled(partition, _homes(codes, partition), rows, codes)
        probes = measure(lists, _asked(queries, codes), goal.recall, UNSHARED)
        if probes.of(DEPTH) <= WASTEFUL * lists.count:
            return lists, probes
    one = Partition.whole(codes.shape[1])
    exact = Lists.filled(one, np.zeros(len(rows), dtype=np.int32), rows, codes)
    return exact, Probes.everything(1, goal.recall)


def _lists_for(items: int) -> int:
    """C."""
    root = np.sqrt(items)
    wanted = np.clip(LISTS, FEWEST * root, MOST * root)
    return int(min(2 ** round(np.log2(wanted)), items))


def _homes(codes: NDArray[np.float16], partition: Partition) -> NDArray[np.int32]:
    """[R] the list of each."""
    parts = [
        partition.assign(codes[start : start + ASSIGNED].astype(np.float32))
        for start in range(0, len(codes), ASSIGNED)
    ]
    return np.concatenate(parts).astype(np.int32)


def _asked(queries: Vectors, codes: NDArray[np.float16]) -> Vectors:
    """Queries to measure with: real ones, or for want of them the means of two items each."""
    if len(queries) or not len(codes):
        return queries
    pairs = np.random.default_rng(SEED).integers(len(codes), size=(KEPT, 2))
    means: Vectors = codes[pairs].astype(np.float32).mean(axis=1)
    return means
