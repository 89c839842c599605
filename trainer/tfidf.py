"""The TF-IDF profile: no training, and hard to beat for users with a history.

An item is the TF-IDF vector of its tags; a user is the sum over their history; the score is the
cosine between the two.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from trainer.data import Numbers


class TfIdf:
    """Scores items for histories by the tags they share."""

    def __init__(self, items: Sequence[Sequence[int]]) -> None:
        """Take the tag ids (from 1) of every item; tag weights come from all of them."""
        counts = incidence(items, max(map(max, filter(len, items)), default=0) + 1)
        found = np.asarray((counts > 0).sum(axis=0)).ravel()
        idf = np.log((1 + len(items)) / (1 + found)) + 1
        self._vectors = unit_rows(counts @ sp.diags_array(idf))

    def __call__(self, histories: Sequence[Numbers], candidates: Numbers) -> NDArray[np.float32]:
        """Score C candidates for B histories of item numbers: [B, C]."""
        rows = incidence(histories, self._vectors.shape[0])
        profiles = unit_rows(rows @ self._vectors)
        scores: NDArray[np.float32] = (profiles @ self._vectors[candidates].T).toarray()
        return scores.astype(np.float32)


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
