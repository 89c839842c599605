"""What was asked lately: recall is measured on real queries. Shapes: Q queries, D dimensions."""

import numpy as np

from index.lists import Vectors

KEPT = 256  # queries: 64 leave recall uncertain by .003


class Queries:
    """Vectors that were searched for lately."""

    def __init__(self, dim: int) -> None:
        self._ring = np.empty((KEPT, dim), dtype=np.float32)
        self._count = 0

    def note(self, queries: Vectors) -> None:
        """Keep one interest of each of some queries [B, I, D]."""
        for query in queries:
            self._ring[self._count % KEPT] = query[self._count % len(query)]
            self._count += 1

    @property
    def recent(self) -> Vectors:
        """At most KEPT of them, [Q, D]; zeros tie with every item and say nothing of recall."""
        kept = self._ring[: self._count]
        return kept[kept.any(axis=1)]

    def take(self, queries: Vectors) -> None:
        """Start from others'."""
        self.note(queries[-KEPT:, None])
