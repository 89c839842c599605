"""How many lists a search must probe, from what was measured: recall is a target, not a hope.

An exact search says in which lists the best items of a query lie, and the query's own order of the
lists says after how many probes each is reached. That one figure an item gives the recall of every
number of probes at every depth. Shapes: Q queries, T items found exactly for each, C lists.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from index.lists import Lists, Vectors

DEPTH = 1024  # items found exactly for each query; deeper than that is an estimate
DEEPER = 0.7  # probes grow with depth to this power beyond what was measured
MARGIN = 0.5  # of what the target leaves: other queries are not the sample, 99 times of 100
DEPTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # that `prepared` knows


@dataclass(frozen=True)
class Probes:
    """What a sample of queries needed."""

    places: NDArray[np.int32]  # [Q, T] probes that reach each query's items, best item first
    lists: int  # C
    target: float  # mean share of the items that must be reached
    _known: dict[int, int] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def everything(cls, lists: int, target: float) -> "Probes":
        """For want of a measurement: all lists."""
        return cls(np.full((1, 1), lists - 1, dtype=np.int32), lists, target)

    def of(self, depth: float) -> int:
        """Probes for the best `depth` items, which on the sample reach somewhat more than asked.

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
        probes = int(np.searchsorted(shares, self.aim - 1e-9)) + 1
        further: float = (depth / measured) ** DEEPER
        return min(self.lists, round(probes * further))

    @property
    def aim(self) -> float:
        """The recall to have on the sample, so that other queries have the target."""
        return self.target + MARGIN * (1 - self.target)

    @property
    def late(self) -> float:
        """Share of an answer that may come from the last quarter of the lists that were probed."""
        return 1 - self.target + 1e-9  # a share just as large is not more, however it is rounded

    def prepared(self) -> "Probes":
        """The same, with what searches will ask known."""
        for depth in DEPTHS:
            self.of(depth)
        return self

    def recall(self, probes: int, depth: int) -> float:
        """Share of the sample's best `depth` items that `probes` lists hold."""
        return float((self.places[:, :depth] < probes).mean())


def measure(
    lists: Lists,
    queries: Vectors,
    target: float,
    lock: AbstractContextManager[object],
    rest: float = 0.0,
) -> Probes:
    """Probes from queries [Q, D] against an exact search, which takes `lock` slice by slice.

    It takes seconds on a million items, and rests `rest` times as long as it computes. Items that
    come or go meanwhile blur a figure by their share.
    """
    if not len(lists) or lists.count == 1:
        return Probes.everything(lists.count, target)
    slices = lists.slices()
    depth = min(DEPTH, len(lists))
    found = []
    for query in queries:
        began = time.thread_time()
        found.append(_places(lists, query, depth, slices, lock))
        time.sleep(rest * (time.thread_time() - began))
    shortest = min(map(len, found))
    if not shortest:  # all items left meanwhile
        return Probes.everything(lists.count, target)
    places = np.stack([one[:shortest] for one in found])
    return Probes(places, lists.count, target).prepared()


def _places(
    lists: Lists,
    query: Vectors,
    depth: int,
    slices: list[tuple[int, int]],
    lock: AbstractContextManager[object],
) -> NDArray[np.int32]:
    """[T] probes that reach each of the query's best items."""
    scores, homes = np.empty(0, np.float32), np.empty(0, np.int64)
    for start, end in slices:
        with lock:
            more = lists.scan(query, depth, start, end)
        scores, homes = np.append(scores, more[0]), np.append(homes, more[1])
        best = np.argsort(-scores, kind="stable")[:depth]
        scores, homes = scores[best], homes[best]
    return lists.nearness(query)[homes].astype(np.int32)
