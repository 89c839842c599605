"""The TF-IDF profile: no training, and hard to beat for users with a history.

An item is the TF-IDF vector of its tags; a user is the sum over their history; the score is the
cosine between the two. How rare a tag is, only the items that training sees say: a cold item does
not exist yet. Shapes: B histories, C candidates, V items, T tag ids (0 is padding).
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from trainer.sequences import Numbers


class TfIdf:
    """Scores items for histories by the tags they share."""

    def __init__(self, items: Sequence[Sequence[int]], weights: NDArray[np.float64]) -> None:
        """Take the tag ids (from 1) of all V items, and the weight of every tag id: [T + 1]."""
        counts = incidence(items, len(weights))
        self.vectors = unit_rows(counts @ sp.diags_array(weights))  # [V, T + 1]

    def __call__(self, histories: Sequence[Numbers], candidates: Numbers) -> NDArray[np.float32]:
        """Score C candidates for B histories of item numbers: [B, C]."""
        rows = incidence(histories, self.vectors.shape[0])
        profiles = unit_rows(rows @ self.vectors)
        scores: NDArray[np.float32] = (profiles @ self.vectors[candidates].T).toarray()
        return scores.astype(np.float32)


def tag_weights(items: Sequence[Sequence[int]], known: Numbers) -> NDArray[np.float64]:
    """Smoothed inverse document frequency of every tag id among the known items: [T + 1].

    T is the largest id that any item has.
    """
    width = max(map(max, filter(len, items)), default=0) + 1
    counts = incidence([items[item] for item in known], width)
    found = np.asarray((counts > 0).sum(axis=0)).ravel()
    weights: NDArray[np.float64] = np.log((1 + len(known)) / (1 + found)) + 1
    return weights


def incidence(items: Sequence[Sequence[int] | Numbers], width: int) -> sp.csr_array:
    """How often each id below `width` occurs in each row: sparse [rows, width]."""
    lengths = np.fromiter(map(len, items), dtype=np.int64, count=len(items))
    columns = np.concatenate([np.asarray(i, dtype=np.int64) for i in items] or [np.zeros(0, int)])
    rows = np.repeat(np.arange(len(items)), lengths)
    ones = np.ones(len(columns))
    return sp.csr_array(sp.coo_array((ones, (rows, columns)), shape=(len(items), width)))


def unit_rows(matrix: sp.csr_array) -> sp.csr_array:
    """Rows of length 1; a row of zeros stays one."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sp.csr_array(sp.diags_array(1 / np.maximum(lengths, 1e-12)) @ matrix)
