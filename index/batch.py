"""Many queries at once: what a look at the lists gives to each of them.

Which lists are near is found for many by one product of matrices, and what numpy does with an
answer costs a call whether it is one query's or thirty's. It is the first half of `index.search`;
who is not done by it is searched for alone, from the start.

Shapes: B queries of one interest, D dimensions, P lists probed, F items found, k wanted.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from operator import contains
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.lists import NOTHING, Nearest, Vectors, early
from index.probes import WIDER
from index.rows import BITS, RowNumbers, prints_of
from index.scan import Scores
from index.search import BARRED, SLACK, Ranked, State, ranked

AT_ONCE = 32  # queries at most: more gain nothing
READ_AT_ONCE = 200_000  # vectors while the lock is held: about two milliseconds

Marks = NDArray[np.bool_]


def together(
    state: State,
    queries: Vectors,
    k: int,
    now: float | None,
    excluded: Sequence[AbstractSet[str]],
    lock: AbstractContextManager[object],
) -> list[Ranked | None]:
    """Answers to queries [B, I, D]; None for those that must be searched for alone."""
    if len(queries) == 1 or queries.shape[1] > 1:
        return [None] * len(queries)
    found: list[Ranked | None] = []
    while len(found) < len(queries):
        with lock:
            part = slice(len(found), len(found) + _at_once(state, k))
            found += Batch(state, queries[part, 0], k, now, excluded[part]).best()
    return found


def _at_once(state: State, k: int) -> int:
    """Queries that are answered while the lock is held: the fewer, the more each has to read."""
    read = len(state.lists) * state.probes.first(k) / state.lists.count
    return int(np.clip(READ_AT_ONCE / max(1, read), 1, AT_ONCE))


class Kept(NamedTuple):
    """Of each query what counts, best first, and behind it what does not."""

    scores: Scores  # [B, F]
    rows: RowNumbers  # [B, F]
    counts: NDArray[np.int64]  # [B]
    floors: Scores  # [B] no row that was looked at, counts and is not here has a higher score


@dataclass(slots=True)
class Batch:
    """Queries [B, D] for k items each that are live and not excluded."""

    state: State
    queries: Vectors
    k: int
    now: float | None
    excluded: Sequence[AbstractSet[str]]  # B

    def best(self) -> list[Ranked | None]:
        """What `Search.best` gives, or None where one look at near lists does not tell."""
        lists, probes = self.state.lists, self.state.probes
        depth = self.k + min(max(map(len, self.excluded)), BARRED)
        fetch, first = depth + SLACK, min(probes.first(depth), lists.count)
        if not self.k < fetch <= len(lists):
            return [None] * len(self.queries)
        near = lists.nearest(self.queries, first)
        kept = self._look(fetch, near)
        found = self._ranked(kept)
        if first < lists.count:
            late = np.flatnonzero(self._late(kept.rows[:, : self.k], near) > probes.late * self.k)
            self._again(late, min(first * WIDER, lists.count), fetch, found)
        return found

    def _late(self, rows: RowNumbers, near: Nearest) -> NDArray[np.int64]:
        """[B] how many of each query's rows lie in the last quarter of its lists."""
        lists, (_, numbers) = self.state.lists, near
        each = np.arange(len(rows))[:, None]
        first = np.zeros((len(rows), lists.count), dtype=bool)
        first[each, numbers[:, : early(numbers.shape[1])]] = True
        late: NDArray[np.int64] = np.count_nonzero(~first[each, lists.homes(rows)], axis=1)
        return late

    def _again(
        self, places: NDArray[np.int64], probes: int, fetch: int, found: list[Ranked | None]
    ) -> None:
        """Ask more lists for those of whom too much came late."""
        if not len(places):
            return
        excluded = [self.excluded[place] for place in places.tolist()]
        some = Batch(self.state, self.queries[places], self.k, self.now, excluded)
        kept = some._look(fetch, self.state.lists.nearest(some.queries, probes))
        for place, one in zip(places.tolist(), some._ranked(kept), strict=True):
            found[place] = one

    def _look(self, fetch: int, near: Nearest) -> Kept:
        scores, rows = self.state.lists.search_in(near, self.queries, fetch)
        counting = rows != NOTHING
        floors = np.where(counting[:, -1], scores[:, -1], -np.inf).astype(np.float32)
        self._drop_dead(rows, counting)
        self._drop_excluded(rows, counting)
        counts = np.count_nonzero(counting, axis=1)
        if counts.min() < fetch:
            order = np.argsort(~counting, axis=1, kind="stable")
            scores = np.take_along_axis(scores, order, axis=1)
            rows = np.take_along_axis(rows, order, axis=1)
        return Kept(scores, rows, counts, floors)

    def _drop_dead(self, rows: RowNumbers, counting: Marks) -> None:
        if self.now is not None:
            columns = self.state.rows.room
            counting &= columns.published[rows] <= self.now
            counting &= columns.expires[rows] > self.now

    def _drop_excluded(self, rows: RowNumbers, counting: Marks) -> None:
        """By some bits of the ids first: ids themselves lie all over the memory."""
        stored, sizes = self.state.rows, [len(ids) for ids in self.excluded]
        if not any(sizes):
            return
        each = np.arange(len(rows))
        barred = np.zeros((len(rows), BITS + 1), dtype=bool)
        barred[np.repeat(each, sizes), prints_of(list(chain(*self.excluded)))] = True
        places = np.nonzero(barred[each[:, None], stored.prints[rows]] & counting)
        named = stored.ids[rows[places]].tolist()
        excluded = map(self.excluded.__getitem__, places[0].tolist())
        counting[places] = ~np.fromiter(map(contains, excluded, named), bool, len(named))

    def _ranked(self, kept: Kept) -> list[Ranked | None]:
        k, ids = self.k, self.state.rows.ids
        scores, rows = kept.scores[:, : k + 1], kept.rows[:, : k + 1]
        whole = (kept.counts >= k) & (scores[:, k - 1] > kept.floors)
        tied = (scores[:, 1:] == scores[:, :-1]).any(axis=1)
        found: list[Ranked | None] = list(
            zip(ids[rows[:, :k]].tolist(), scores[:, :k].tolist(), strict=True)
        )
        for place in np.flatnonzero(tied | ~whole).tolist():
            count = kept.counts[place]
            mine = kept.scores[place, :count], kept.rows[place, :count]
            found[place] = ranked(ids, k, *mine) if whole[place] else None
        return found
