"""How many lists a search must probe, from what was measured: recall is a target, not a hope.

An exact search says in which lists the best items of a query lie, and the query's own order of the
lists says after how many probes each is reached. That one figure an item gives the recall of every
number of probes at every depth. Shapes: Q queries, T items found exactly for each, C lists.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from index.lists import Lists, Vectors

DEPTH = 1024  # items found exactly for each query; deeper than that is an estimate
DEEPER = 0.7  # probes grow with depth to this power beyond what was measured
MARGIN = 0.1  # of what the target leaves: other queries are not the sample


@dataclass(frozen=True)
class Probes:
    """What a sample of queries needed."""

    places: NDArray[np.int32]  # [Q, T] probes that reach each query's items, best item first
    lists: int  # C
    target: float  # mean share of the items that must be reached
    _known: dict[tuple[int, int], int] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def everything(cls, lists: int, target: float) -> "Probes":
        """For want of a measurement: all lists."""
        return cls(np.full((1, 1), lists - 1, dtype=np.int32), lists, target)

    def of(self, depth: float, last: int = 0) -> int:
        """Probes that reach the target's share of the best `depth` items, or the `last` of those.

        The deeper items lie, the more lists they are spread over.
        """
        wanted = max(1, int(depth)), last
        found = self._known.get(wanted)
        if found is None:
            found = self._known.setdefault(wanted, self._required(*wanted))
        return found

    def _required(self, depth: int, last: int) -> int:
        if self.target == 1:  # no sample can promise that
            return self.lists
        measured = min(depth, self.places.shape[1])
        target = self.target + MARGIN * (1 - self.target)
        first = max(0, measured - last) if last else 0
        reached = np.bincount(self.places[:, first:measured].ravel(), minlength=self.lists)
        shares = np.cumsum(reached) / reached.sum()
        probes = int(np.searchsorted(shares, target - 1e-9)) + 1
        further: float = (depth / measured) ** DEEPER
        return min(self.lists, round(probes * further))

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
    places = [_places(lists, query, depth, slices, lock) for query in queries]
    shortest = min(map(len, places))
    if not shortest:  # all items left meanwhile
        return Probes.everything(lists.count, target)
    return Probes(np.stack([one[:shortest] for one in places]), lists.count, target)


def _places(
    lists: Lists,
    query: Vectors,
    depth: int,
    slices: list[tuple[int, int]],
    lock: AbstractContextManager[object],
) -> NDArray[np.int32]:
    """For each of the query's best items the probes that it takes to reach its list: [T]."""
    scores, homes = np.empty(0, np.float32), np.empty(0, np.int64)
    for start, end in slices:
        with lock:
            more = lists.scan(query, depth, start, end)
        scores, homes = np.append(scores, more[0]), np.append(homes, more[1])
        best = np.argsort(-scores, kind="stable")[:depth]
        scores, homes = scores[best], homes[best]
    return lists.nearness(query)[homes].astype(np.int32)
