"""How many lists a search must probe, from what was measured: recall is a target, not a hope.

An exact search says in which lists the best items of a query lie, and the query's own order of the
lists says after how many probes each is reached. That one figure an item gives the recall of every
number of probes at every depth. Shapes: Q queries, T items found exactly for each, C lists.
"""

from bisect import bisect_left
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from index.lists import Lists, Vectors, early
from index.reach import DEPTHS, Best, Look, Reach
from index.scan import products

DEPTH = 1024  # items found exactly for each query; deeper than that is an estimate
DEEPER = 0.7  # probes grow with depth to this power beyond what was measured
WIDER = 4  # times as many lists, where too much comes late
TRIED = 20  # numbers of probes, each a fifth below the one before
MARGIN = 0.4  # of what the target leaves: other queries are not the sample, 99 times of 100


@dataclass(frozen=True)
class Probes:
    """What a sample of queries needed."""

    places: NDArray[np.int32]  # [Q, T] probes that reach each query's items, best item first
    lists: int  # C
    target: float  # mean share of the items that must be reached
    reach: Reach | None = None  # where scores were measured too
    _known: dict[int, int] = field(default_factory=dict, compare=False, repr=False)
    _begun: dict[int, int] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def everything(cls, lists: int, target: float) -> "Probes":
        """For want of a measurement: all lists."""
        return cls(np.full((1, 1), lists - 1, dtype=np.int32), lists, target)

    def of(self, depth: float) -> int:
        """Probes that reach the target's share of the best `depth` items.

        The deeper items lie, the more lists they are spread over.
        """
        wanted = max(1, int(depth))
        found = self._known.get(wanted)
        if found is None:
            found = self._known.setdefault(wanted, self._required(wanted))
        return found

    def _required(self, depth: int) -> int:
        if self.target == 1:  # no sample can promise that
            return self.lists
        measured = min(depth, self.places.shape[1])
        reached = np.bincount(self.places[:, :measured].ravel(), minlength=self.lists)
        shares = np.cumsum(reached) / reached.sum()
        probes = int(np.searchsorted(shares, self.target - 1e-9)) + 1
        return min(self.lists, round(probes * _further(depth, measured)))

    @property
    def late(self) -> float:
        """Share of an answer that may come from the last quarter of the lists that were probed.

        Where more does, WIDER times as many are probed: most queries need few, and some need many.
        """
        return 1 - self.target + 1e-9  # a share just as large is not more, however it is rounded

    def first(self, depth: float) -> int:
        """Probes to begin with for the best `depth` items, as more are probed where it needs be."""
        place = bisect_left(DEPTHS, depth)
        if place == len(DEPTHS):
            return min(self.lists, round(self._begin(DEPTHS[-1]) * _further(depth, DEPTHS[-1])))
        above, below = DEPTHS[place], DEPTHS[max(0, place - 1)]
        part = (depth - below) / max(1, above - below)
        return round((1 - part) * self._begin(below) + part * self._begin(above))

    def look(self, depth: int) -> Look | None:
        """How to look for so many items of many queries; None where that was not measured."""
        return self.reach.at(depth) if self.reach else None

    def _begin(self, depth: int) -> int:
        found = self._begun.get(depth)
        if found is None:
            found = self._begun.setdefault(depth, self._least(depth))
        return found

    def prepared(self) -> "Probes":
        """The same, with what searches will ask known: it takes some tenths of a second."""
        for depth in DEPTHS:
            self._begin(depth)
        return self

    def _least(self, depth: int) -> int:
        """The fewest, of some numbers of probes, from which on all reach the target.

        Recall does not grow steadily with them, and one that reaches it by chance promises nothing.
        """
        if self.target == 1 or depth > self.places.shape[1]:
            return self.of(depth)
        aim = _aim(self.target)
        most = min(2 * self.of(depth), self.lists)
        tried = (round(most / 2 ** (step / 4)) for step in range(TRIED))
        enough = takewhile(lambda one: self.widened_recall(one, depth) >= aim, tried)
        return min(enough, default=most)

    def widened_recall(self, probes: int, depth: int) -> float:
        """The recall of `depth` items when so many lists are probed, and more for late answers.

        What a query finds in its nearest lists is known from where its best items lie.
        """
        places = self.places[:, : 4 * depth]
        found = places < probes
        found &= np.cumsum(found, axis=1) <= depth
        late = (found & (places >= early(probes))).sum(axis=1) > self.late * found.sum(axis=1)
        probed = np.where(late, probes * WIDER, probes)
        return float((places[:, :depth] < probed[:, None]).mean())

    def recall(self, probes: int, depth: int) -> float:
        """Share of the sample's best `depth` items that `probes` lists hold."""
        return float((self.places[:, :depth] < probes).mean())


def measure(
    lists: Lists, queries: Vectors, target: float, lock: AbstractContextManager[object]
) -> Probes:
    """Probes from queries [Q, D] against an exact search, which takes `lock` slice by slice.

    Items that come or go meanwhile blur a figure by their share.
    """
    if not len(lists) or lists.count == 1:
        return Probes.everything(lists.count, target)
    slices = lists.slices()
    depth = min(DEPTH, len(lists))
    found = [_best(lists, query, depth, slices, lock) for query in queries]
    shortest = min(len(places) for places, _, _ in found)
    if not shortest:  # all items left meanwhile
        return Probes.everything(lists.count, target)
    places, scores, nearness = (
        np.stack([one[:shortest] for one in column]) for column in zip(*found, strict=True)
    )
    best = Best(places, scores, nearness, np.linalg.norm(queries, axis=1))
    reach = Reach.measured(best, lists.count, _aim(target)) if target < 1 else None
    return Probes(places, lists.count, target, reach).prepared()


def _best(
    lists: Lists,
    query: Vectors,
    depth: int,
    slices: list[tuple[int, int]],
    lock: AbstractContextManager[object],
) -> tuple[NDArray[np.int32], Vectors, Vectors]:
    """The query's best items as `Best` has them: [T] each."""
    scores, homes = np.empty(0, np.float32), np.empty(0, np.int64)
    for start, end in slices:
        with lock:
            more = lists.scan(query, depth, start, end)
        scores, homes = np.append(scores, more[0]), np.append(homes, more[1])
        best = np.argsort(-scores, kind="stable")[:depth]
        scores, homes = scores[best], homes[best]
    near = products(query[None], lists.centroids)[0]
    return lists.nearness(query)[homes].astype(np.int32), scores, near[homes]


def _aim(target: float) -> float:
    """The recall to have on the sample, so that other queries have the target."""
    return target + MARGIN * (1 - target)


def _further(depth: float, measured: int) -> float:
    """Times as many probes as for a depth that was measured."""
    further: float = (depth / measured) ** DEEPER
    return further
