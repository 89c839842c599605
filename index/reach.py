"""How far to look for what is better than what a first look has found.

The first lists give a k-th best score. What could still beat it lies around centroids that are
nearly as near to the query as that, and how nearly is measured: some queries then need a few lists
and some need many, which no fixed number of them tells. Shapes: Q queries, T items found exactly
for each, C lists.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BEGUN = 0.75  # share of the best items that the first lists hold: more of them cost more than found
DEPTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # that are measured


class Best(NamedTuple):
    """The best items of queries, best first."""

    places: NDArray[np.int32]  # [Q, T] probes that reach each
    scores: NDArray[np.float32]  # [Q, T]
    nearness: NDArray[np.float32]  # [Q, T] inner products of query and the centroid of each's list
    lengths: NDArray[np.float32]  # [Q] of the queries


class Look(NamedTuple):
    """What a search for some number of items begins with, and how it goes on."""

    first: int  # lists
    below: float  # the k-th score so far, for a query of length 1: lists are read down to there


@dataclass(frozen=True)
class Reach:
    """Looks by depth, as they were measured."""

    looks: tuple[Look, ...]  # of the first of DEPTHS

    @classmethod
    def measured(cls, best: Best, lists: int, share: float) -> "Reach":
        """Looks that reach this mean share of the best items."""
        deepest = best.places.shape[1]
        return cls(tuple(_look(best, lists, share, one) for one in DEPTHS if one <= deepest))

    def at(self, depth: int) -> Look | None:
        """For so many items; None where so many were not measured."""
        place = bisect_left(DEPTHS, depth)
        if place >= len(self.looks):
            return None
        fewer, more = self.looks[max(0, place - 1)], self.looks[place]
        return Look(more.first, max(fewer.below, more.below))


def _look(best: Best, lists: int, share: float, depth: int) -> Look:
    reached = np.bincount(best.places[:, :depth].ravel(), minlength=lists).cumsum()
    first = int(np.searchsorted(reached, BEGUN * reached[-1])) + 1
    found = best.places < first
    # Where too few of them are known the true one is lower still, and more will be looked at.
    enough = np.cumsum(found, axis=1) >= depth
    last = np.where(enough[:, -1], enough.argmax(axis=1), best.places.shape[1] - 1)
    kth = np.take_along_axis(best.scores, last[:, None], axis=1)
    below = (kth - best.nearness[:, :depth]) / best.lengths[:, None]
    below[found[:, :depth]] = -np.inf
    needed = np.sort(below, axis=None)
    return Look(first, float(needed[int(np.ceil(share * needed.size)) - 1]))
