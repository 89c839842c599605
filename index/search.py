"""One query: where to look, what of it counts, and in which order it is returned.

A search asks for somewhat more than k, drops what is dead, excluded or filtered out, and is done if
k are left. Else it asks the next place for more: the last one knows every eligible row, so k come
whenever k exist. Shapes: I interests of a query, D dimensions, F items found.
"""

import math
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.attributes import Attributes, Profiles
from index.block import Block
from index.filters import Filter, Filters
from index.lists import NOTHING, Lists, Mask, Nearest, Vectors
from index.probes import Probes
from index.rows import RowNumbers, Rows
from index.scan import Scores, highest, scores_of

SLACK = 32  # asked for beyond k: few are dead or tie with the last one
BARRED = 128  # … and so many of the excluded, which are often among the nearest
FEWEST = 4  # lists probed for marked rows
WIDER = 4  # times as many lists, where too much comes late
Ranked = tuple[list[str], list[float]]  # ids and scores

GATHERED = 2048  # rows whose vectors are looked up one by one for an exact scan


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
    rows: RowNumbers  # [F] each once, of those that count
    floor: float  # no row that was looked at, counts and is not here has a higher score
    whole: bool  # every row that counts was looked at


@dataclass(slots=True)
class Search:
    """A query [I, D] for k items that are live, not excluded and match."""

    state: State
    query: Vectors
    k: int
    now: float | None
    excluded: AbstractSet[str]
    filter: Filter | None

    def best(self) -> Ranked:
        """Ids and scores of at most k items, highest first, equal scores by id."""
        if self.filter is not None and self.filter.block is not None:
            return self._ordered(*self._scan(self.filter.block))
        for answer in self._places():
            scores, rows = answer.scores, answer.rows
            if answer.whole or (len(rows) >= self.k and scores[self.k - 1] > answer.floor):
                break
        return self._ordered(scores, rows)

    def _scan(self, block: Block) -> tuple[Scores, RowNumbers]:
        """The best of all that match, and of those that tie with the last one."""
        scores, rows = block.scores(self.query), block.rows
        barred = self._barred(block)
        if barred is not None:
            scores, rows = scores[~barred], rows[~barred]
        places = highest(scores, self.k)
        return scores[places], rows[places]

    def _barred(self, block: Block) -> NDArray[np.bool_] | None:
        """[F] whether each item of a block is dead or excluded; None: no item is."""
        barred = None
        if self.now is not None and not block.all_live(self.now):
            barred = ~block.live(self.now)
        if self.excluded:
            excluded = np.isin(block.rows, self._excluded_rows(), kind="table")
            barred = excluded if barred is None else barred | excluded
        return barred

    def _places(self) -> Iterator[Answer]:
        """Answers, each of which knows more than the one before; the last is whole."""
        probes = self.state.probes
        if self.filter is None:
            # What is excluded is often nearest, and the k best lie below it.
            depth = self.k + min(len(self.excluded), BARRED)
            for deeper in (1, 4):
                near = self._near(probes.of(deeper * depth))
                yield self._ask(deeper * (depth + SLACK), near)
        else:
            depth = self.k + min(len(self._excluded_rows()), BARRED)
            share = self.filter.count / len(self.state.rows)  # not 0: there would be a block
            yield self._masked(depth + SLACK, depth / share, self.filter.mask)
        yield from self._everywhere()

    def _excluded_rows(self) -> RowNumbers:
        """Where what is excluded lies; of what a filter lets through, for nothing else can come."""
        rows = self.state.rows.find(self.excluded)
        return rows if self.filter is None or not len(rows) else self.filter.among(rows)

    def _masked(self, fetch: int, depth: float, mask: Mask) -> Answer:
        """Among marked rows, which lie so deep if they are strewn, but may lie far deeper.

        More lists are probed while too much of the answer comes late: what was found in the last
        of them says how much there is further on.
        """
        probes = max(self.state.probes.of(depth), FEWEST)
        while True:
            near = self._near(probes)
            answer = self._ask(fetch, near, mask)
            if probes >= self.state.lists.count or self._is_early(answer, near):
                return answer
            probes *= WIDER

    def _near(self, probes: int) -> Nearest:
        lists = self.state.lists
        return lists.nearest(self.query, min(probes, lists.count))

    def _is_early(self, answer: Answer, near: Nearest) -> bool:
        late = self.state.lists.late(answer.rows[: self.k], near)
        return late <= self.state.probes.late

    def _ask(self, fetch: int, near: Nearest, mask: Mask | None = None) -> Answer:
        lists = self.state.lists
        scores, rows = lists.search_in(near, self.query, min(fetch, len(lists) + 1), mask)
        everywhere = near[1].shape[1] == lists.count
        whole = everywhere and all(row == NOTHING for row in rows[:, -1].tolist())
        floor = -math.inf if whole else _floor(scores, rows)
        scores, rows = _merged(scores, rows)
        if len(self.query) > 1 and not everywhere:
            # An interest that did not probe a row's list may be its best all the same.
            scores, rows = self._scored(rows)
        return Answer(*self._eligible(scores, rows), floor, whole)

    def _scored(self, rows: RowNumbers) -> tuple[Scores, RowNumbers]:
        """R rows with their best scores over all interests, highest first."""
        scores = scores_of(self.query, self.state.lists.vectors(rows))
        places = highest(scores, len(rows))
        return scores[places], rows[places]

    def _everywhere(self) -> Iterator[Answer]:
        """Among the rows that count, and no others; wider each time."""
        marked = self._counting()
        count = int(np.count_nonzero(marked))
        if count <= GATHERED:
            yield Answer(*self._scored(np.flatnonzero(marked)), -math.inf, whole=True)
            return
        mask, fetch = Mask(marked), self.k + SLACK
        depth = self.k * len(self.state.rows) / count
        while True:
            yield self._masked(fetch, depth, mask)
            fetch, depth = 4 * fetch, 4 * depth

    def _counting(self) -> NDArray[np.bool_]:
        """[rows] whether each counts for this query."""
        rows = self.state.rows
        marked = rows.stored if self.filter is None else self.filter.mask.marked(rows.end)
        if self.now is not None:
            marked &= rows.columns.live(self.now)
        marked[self._excluded_rows()] = False
        return marked

    def _eligible(self, scores: Scores, rows: RowNumbers) -> tuple[Scores, RowNumbers]:
        """Those [F] that are live and not excluded."""
        if self.now is not None:
            columns = self.state.rows.room
            live = (columns.published[rows] <= self.now) & (columns.expires[rows] > self.now)
            if np.count_nonzero(live) < len(rows):
                scores, rows = scores[live], rows[live]
        if self.excluded:
            # By id: those of the rows are near at hand, and where excluded ids lie is not.
            named = self.state.rows.ids[rows].tolist()
            kept = np.array([item_id not in self.excluded for item_id in named], dtype=bool)
            scores, rows = scores[kept], rows[kept]
        return scores, rows

    def _ordered(self, scores: Scores, rows: RowNumbers) -> Ranked:
        return ranked(self.state.rows.ids, self.k, scores, rows)


def ranked(ids: NDArray[np.object_], k: int, scores: Scores, rows: RowNumbers) -> Ranked:
    """The first k of what is sorted by score, equal ones by id."""
    near = scores[: k + 1]
    ties = np.flatnonzero(near[1:] == near[:-1]).tolist()
    if not ties:
        return ids[rows[:k]].tolist(), scores[:k].tolist()
    named, values, end = ids[rows].tolist(), scores.tolist(), 0
    for start in ties:
        if start >= end:  # else it is inside the run that was put in order last
            end = _end_of_run(values, start)
            named[start:end] = sorted(named[start:end])
    return named[:k], values[:k]


def _end_of_run(values: Sequence[float], start: int) -> int:
    """The place after the last value that equals the one at `start`."""
    rest = enumerate(values[start:], start)
    return next((place for place, value in rest if value != values[start]), len(values))


def _floor(scores: Scores, rows: RowNumbers) -> float:
    """The highest score [I, F] with which an interest stopped, though there may be more."""
    last = zip(scores[:, -1].tolist(), rows[:, -1].tolist(), strict=True)
    return max((score for score, row in last if row != NOTHING), default=-math.inf)


def _merged(scores: Scores, rows: RowNumbers) -> tuple[Scores, RowNumbers]:
    """[F] each row once with its best score over the interests, highest first."""
    if len(rows) == 1 and rows[0, -1] != NOTHING:
        return scores[0], rows[0]
    found = rows != NOTHING
    if len(rows) == 1:
        return scores[found], rows[found]
    scores, rows = scores[found], rows[found]
    order = np.argsort(-scores, kind="stable")
    _, first = np.unique(rows[order], return_index=True)
    best = order[np.sort(first)]
    return scores[best], rows[best]
