"""One query: where to look, what of it counts, and in which order it is returned.

A search asks for somewhat more than k, drops what is dead, excluded or filtered out, and is done if
k are left. Else it asks the next place for more: the last one knows every eligible row, so k come
whenever k exist. Shapes: I interests of a query, D dimensions, F items found.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.attributes import Attributes, Profiles
from index.filters import Block, Filter, Filters
from index.lists import NOTHING, Lists, Mask, Vectors
from index.probes import Probes
from index.rows import RowNumbers, Rows

SLACK = 32  # asked for beyond k: few are dead or tie with the last one
BARRED = 128  # … and so many of the excluded, which are often among the nearest
SURE = 1.2  # times what a filter lets through on average
DEEPEST = 4096  # beyond which a mask is cheaper than asking for so many
GATHERED = 2048  # rows whose vectors are looked up one by one for an exact scan

Scores = NDArray[np.float32]


@dataclass
class State:
    """All that a search reads; its owner holds the lock."""

    rows: Rows
    profiles: Profiles
    filters: Filters
    lists: Lists
    probes: Probes

    def filter(self, wanted: Attributes) -> Filter:
        """The rows that match, as of now."""
        return self.filters.get(wanted, self.rows, self.profiles, self.lists)


class Answer(NamedTuple):
    """What one place gave."""

    scores: Scores  # [F] highest first
    rows: RowNumbers  # [F] each once
    floor: float  # no row that was looked at and is not here has a higher score
    whole: bool  # every row that counts was looked at


@dataclass(frozen=True, slots=True)
class Search:
    """A query [I, D] for k items that are live, not excluded and match."""

    state: State
    query: Vectors
    k: int
    now: float | None
    excluded: RowNumbers
    filter: Filter | None

    def best(self) -> tuple[list[str], list[float]]:
        """Ids and scores of at most k items, highest first, equal scores by id."""
        for answer in self._places():
            scores, rows = self._eligible(answer.scores, answer.rows)
            if answer.whole or (len(rows) >= self.k and scores[self.k - 1] > answer.floor):
                break
        return self._ordered(scores, rows)

    def _places(self) -> Iterator[Answer]:
        """Answers, each of which knows more than the one before; the last is whole."""
        if self.filter is not None and self.filter.block is not None:
            yield from self._scans(self.filter.block)
        else:
            for answer in self._probings():
                yield answer
            yield from self._everywhere(self._reach(answer))

    def _scans(self, block: Block) -> Iterator[Answer]:
        fetch = self._fetch
        while fetch < len(block.rows):
            yield _answer(*block.search(self.query, fetch), whole=False)
            fetch *= 8
        yield _answer(*block.search(self.query, len(block.rows)), whole=True)

    @property
    def _fetch(self) -> int:
        return self.k + SLACK + min(len(self.excluded), BARRED)

    def _probings(self) -> Iterator[Answer]:
        """The nearest lists, for as many items as the filter lets k of through."""
        stored, wanted = len(self.state.rows), self.filter
        if wanted is None:
            # What is excluded is often nearest, and the k best lie below it.
            yield self._probe(self._fetch, self._fetch - SLACK)
            yield self._probe(4 * self._fetch, 4 * self._fetch)
            return
        share = stored / wanted.count  # a filter without a block has many
        fetch = int(SURE * share * self._fetch)
        if fetch <= DEEPEST:
            yield self._probe(fetch, self.k * share)
        else:
            yield self._probe(self._fetch, self.k * share, wanted.mask)

    def _probe(self, fetch: int, depth: float, mask: Mask | None = None) -> Answer:
        return self._ask(fetch, self.state.probes.of(depth), mask)

    def _ask(self, fetch: int, probes: int, mask: Mask | None) -> Answer:
        lists = self.state.lists
        scores, rows = lists.search(self.query, min(fetch, len(lists) + 1), probes, mask)
        whole = probes == lists.count and all(row == NOTHING for row in rows[:, -1].tolist())
        answer = _answer(scores, rows, whole)
        if len(self.query) == 1 or probes == lists.count:
            return answer
        # An interest that did not probe a row's list may be its best all the same.
        again = Block(answer.rows, lists.vectors(answer.rows))
        scores, rows, _, _ = _answer(*again.search(self.query, len(answer.rows)), whole=True)
        return Answer(scores, rows, answer.floor, whole)

    def _reach(self, answer: Answer) -> float:
        """How deep the k best lie, if what counts is as rare further on as in this answer."""
        counting = len(self._eligible(answer.scores, answer.rows)[1])
        return self.k * len(answer.rows) / counting if counting else math.inf

    def _everywhere(self, reach: float) -> Iterator[Answer]:
        """Among the rows that count, and no others; wider each time."""
        marked = self._marked()
        count = int(np.count_nonzero(marked))
        if count <= GATHERED:
            found = np.flatnonzero(marked)
            block = Block(found, self.state.lists.vectors(found))
            yield _answer(*block.search(self.query, count), whole=True)
            return
        mask, fetch = Mask(marked), self.k + SLACK
        stored = len(self.state.rows)
        # Nothing lies deeper than all that does not count, and little nearer than by its share.
        depth = min(max(reach, self.k * stored / count), self.k + stored - count)
        probes = self.state.probes.of(depth, self.k)
        while True:
            yield self._ask(fetch, probes, mask)
            fetch, probes = 4 * fetch, min(4 * probes, self.state.lists.count)

    def _marked(self) -> NDArray[np.bool_]:
        """[rows] whether each counts for this query."""
        rows = self.state.rows
        marked = rows.stored if self.filter is None else self.filter.marked[: rows.end].copy()
        if self.now is not None:
            marked &= rows.columns.live(self.now)
        marked[self.excluded] = False
        return marked

    def _eligible(self, scores: Scores, rows: RowNumbers) -> tuple[Scores, RowNumbers]:
        """Those [F] that are live, match and are not excluded."""
        columns, checks = self.state.rows.room, []
        if self.now is not None:
            checks += [columns.published[rows] <= self.now, columns.expires[rows] > self.now]
        if self.filter is not None:
            checks.append(self.filter.marked[rows])
        if len(self.excluded):
            checks.append(~np.isin(rows, self.excluded))
        if all(check.all() for check in checks):
            return scores, rows
        kept = np.logical_and.reduce(checks)
        return scores[kept], rows[kept]

    def _ordered(self, scores: Scores, rows: RowNumbers) -> tuple[list[str], list[float]]:
        """The first k of what is sorted by score, equal ones by id."""
        k, ids = self.k, self.state.rows.ids
        ties = len(rows) > 1 and bool((scores[1 : k + 1] == scores[:k][: len(scores) - 1]).any())
        if not ties:
            return ids[rows[:k]].tolist(), scores[:k].tolist()
        last = scores[min(k, len(rows)) - 1]
        tying = int(np.searchsorted(-scores, -last, side="right"))
        named = ids[rows[:tying]].tolist()
        ranked = sorted(zip((-scores[:tying]).tolist(), named, strict=True))[:k]
        return [item_id for _, item_id in ranked], [-score for score, _ in ranked]


def _answer(scores: Scores, rows: RowNumbers, whole: bool) -> Answer:
    """From what each interest found, [I, F], best first and NOTHING where there was no more."""
    last = zip(scores[:, -1].tolist(), rows[:, -1].tolist(), strict=True) if scores.size else ()
    full = (score for score, row in last if row != NOTHING)
    floor = -math.inf if whole else max(full, default=-math.inf)
    return Answer(*_merged(scores, rows), floor, whole)


def _merged(scores: Scores, rows: RowNumbers) -> tuple[Scores, RowNumbers]:
    """[F] each row once with its best score over the interests, highest first."""
    found = rows != NOTHING
    if len(rows) == 1:
        return scores[found], rows[found]
    scores, rows = scores[found], rows[found]
    order = np.argsort(-scores, kind="stable")
    _, first = np.unique(rows[order], return_index=True)
    best = order[np.sort(first)]
    return scores[best], rows[best]
