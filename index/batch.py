"""Many queries at once: what a look at the lists gives to each of them.

What numpy does with an answer costs a call whether it is one query's or thirty's. Who is not done
by it is searched for alone, from the start, by `index.search`.

Shapes: B queries of one interest, D dimensions, F items found, k wanted.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import contains
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.lists import NOTHING, Nearest, Vectors
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
    read = len(state.lists) * state.probes.of(k) / state.lists.count
    return int(np.clip(READ_AT_ONCE / max(1, read), 1, AT_ONCE))


class Kept(NamedTuple):
    """Of each query what counts, best first, and behind it what does not."""

    scores: Scores  # [B, F]
    rows: RowNumbers  # [B, F]
    counts: NDArray[np.int64]  # [B]
    floors: Scores  # [B] no row that was looked at, counts and is not here has a higher score


@dataclass
class Batch:
    """Queries [B, D] for k items each that are live and not excluded."""

    state: State
    queries: Vectors
    k: int
    now: float | None
    excluded: Sequence[AbstractSet[str]]  # B

    def best(self) -> list[Ranked | None]:
        """What `Search.best` gives, or None where the lists probed do not tell."""
        lists, probes = self.state.lists, self.state.probes
        depth = self.k + min(max(map(len, self.excluded)), BARRED)
        fetch = depth + SLACK
        if not self.k < fetch <= len(lists):
            return [None] * len(self.queries)
        near = lists.nearest(self.queries, min(probes.of(depth), lists.count))
        return self._ranked(self._look(fetch, near))

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
        if not any(self.excluded):
            return
        stored, each = self.state.rows, np.arange(len(rows))
        places = np.nonzero(self._barred[each[:, None], stored.prints[rows]] & counting)
        named = stored.ids[rows[places]].tolist()
        excluded = map(self.excluded.__getitem__, places[0].tolist())
        counting[places] = ~np.fromiter(map(contains, excluded, named), bool, len(named))

    @cached_property
    def _barred(self) -> Marks:
        """[B, BITS + 1] which bits the ids have that are excluded for each query."""
        sizes = list(map(len, self.excluded))
        barred = np.zeros((len(sizes), BITS + 1), dtype=bool)
        barred[np.repeat(np.arange(len(sizes)), sizes), prints_of(list(chain(*self.excluded)))] = 1
        return barred

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
