"""Where tag embeddings start: the leading directions of which tags follow which.

Tags of items that stand near each other in a history count as seen together; the positive
pointwise mutual information of those counts, factored by SVD, is a set of tag vectors
(Levy & Goldberg, NIPS 2014). V items, T tag ids (0 is padding), D dim.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from trainer.data import Sequences
from trainer.tfidf import incidence

REACH = 8  # items apart, at most
SMOOTHING = 0.75  # of context counts, against rare tags


def tag_vectors(
    train: Sequences, tags: Sequence[Sequence[int]], size: int, dim: int
) -> NDArray[np.float32]:
    """Vectors [T + 1, D] of mean squared length 1; zeros for padding and tags never met."""
    counts = _together(train, tags, size + 1)
    total = counts.sum()
    often = np.asarray(counts.sum(axis=1)).ravel()
    context = often**SMOOTHING / max((often**SMOOTHING).sum(), 1e-12)
    entries = sp.coo_array(counts)
    row, column = entries.coords
    expected = often[row] * context[column]
    value = np.log(np.maximum(entries.data, 1e-12) / np.maximum(expected, 1e-12))
    kept = (value > 0) & (total > 0)
    ppmi = sp.csr_array((value[kept], (row[kept], column[kept])), shape=counts.shape)
    vectors = _factor(ppmi, dim) * (often > 0)[:, None]
    scale = np.sqrt((vectors**2).sum() / max(1, int((often > 0).sum())))
    scaled: NDArray[np.float32] = (vectors / max(scale, 1e-12)).astype(np.float32)
    return scaled


def _together(train: Sequences, tags: Sequence[Sequence[int]], width: int) -> sp.csr_array:
    """How often two tags stand within reach in a history, same item included: [T + 1, T + 1]."""
    has = incidence(tags, width)
    share = sp.diags_array(1 / np.maximum(np.asarray(has.sum(axis=1)).ravel(), 1.0)) @ has
    users = np.repeat(np.arange(len(train)), np.diff(train.starts))
    pairs = sp.csr_array((len(tags), len(tags)))
    for apart in range(1, REACH + 1):
        same = users[apart:] == users[:-apart]
        left, right = train.items[:-apart][same], train.items[apart:][same]
        shape = (len(tags), len(tags))
        pairs = pairs + sp.csr_array((np.ones(len(left)), (left, right)), shape=shape)
    forward = share.T @ pairs @ share
    return sp.csr_array(forward + forward.T)


def _factor(matrix: sp.csr_array, dim: int) -> NDArray[np.float64]:
    rank = min(dim, min(matrix.shape) - 1)
    out = np.zeros((matrix.shape[0], dim))
    if matrix.nnz == 0 or rank < 1:
        return out
    left, values, _ = svds(matrix, k=rank, v0=np.ones(matrix.shape[0]), solver="arpack")
    out[:, :rank] = left[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
    return out
