"""Popularity: the same ranking for everybody, and the least that a model must beat.

A cold item has no count of its own, so it takes the one its tags carry: the mean, over its tags,
of the mean count of the training items that have the tag. Shapes: B histories, C candidates,
V items, T tag ids.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.sequences import Numbers, Sequences
from trainer.tfidf import incidence


class Popularity:
    """Scores an item by how often training chose it, or what its tags say of that."""

    def __init__(
        self, items: Sequence[Sequence[int]], counts: Numbers, carried: NDArray[np.float32]
    ) -> None:
        """Take the tag ids of all V items, the counts [V] and what each tag carries [T + 1]."""
        has = incidence(items, len(carried))
        tags = np.asarray(has.sum(axis=1)).ravel()
        by_tags = np.where(tags > 0, (has @ carried) / np.maximum(tags, 1), carried[0])
        self._scores = np.where(counts > 0, counts, by_tags).astype(np.float32)

    def __call__(self, histories: Sequence[Numbers], candidates: Numbers) -> NDArray[np.float32]:
        """Score C candidates for B histories, all alike: [B, C]."""
        return np.tile(self._scores[candidates], (len(histories), 1))


def carried_by_tags(
    train: Sequences, items: Sequence[Sequence[int]], width: int
) -> NDArray[np.float32]:
    """Mean count of the training items that have a tag: [T + 1], `width` of them.

    Id 0, and a tag that no training item has, carry the mean count of all training items.
    """
    counts = train.counts(len(items))
    known: Numbers = np.flatnonzero(counts).astype(np.int64)
    has = incidence([items[item] for item in known], width)
    often = np.asarray(has.sum(axis=0)).ravel()
    mean = counts[known].mean() if len(known) else 0.0
    carried = np.where(often > 0, (has.T @ counts[known]) / np.maximum(often, 1), mean)
    found: NDArray[np.float32] = carried.astype(np.float32)
    return found
