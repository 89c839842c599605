"""Where tag embeddings start: which tags follow which, and which items share their tags.

Tags of items that stand near each other in a history count as seen together; the positive
pointwise mutual information of those counts, factored by SVD, is a set of tag vectors
(Levy & Goldberg, NIPS 2014). Beside them stand those of latent semantic analysis, under which the
cosine of two items is nearly that of their TF-IDF vectors: what PPMI blurs, a rare tag shared, they
keep. V items, T tag ids (0 is padding), D dim.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from trainer.sequences import Sequences
from trainer.tfidf import incidence, unit_rows

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
    vectors = _factor(ppmi, dim)
    return _even(vectors.astype(np.float32))


def mixed_vectors(
    train: Sequences, tags: Sequence[Sequence[int]], size: int, dim: int, lsa: float
) -> NDArray[np.float32]:
    """PPMI in the first half of the dimensions, LSA times `lsa` in the second: [T + 1, D]."""
    half = dim // 2
    # The first direction only says how common a tag is; all cosines would share it.
    follow = tag_vectors(train, tags, size, half + 1)[:, 1:]
    both = np.concatenate(
        [_even(follow), lsa * _even(shared_vectors(train, tags, size, dim - half))], 1
    )
    return _even(both)


def shared_vectors(
    train: Sequences, tags: Sequence[Sequence[int]], size: int, dim: int
) -> NDArray[np.float32]:
    """Latent semantic analysis of the items training sees: [T + 1, D]."""
    has = incidence([tags[item] for item in train.met()], size + 1)
    idf = _rarity(has)
    weighed = unit_rows(has @ sp.diags_array(idf))
    found = _factor(sp.csr_array(weighed.T), dim, power=0.0) * idf[:, None]
    return found.astype(np.float32)


def lengths(train: Sequences, tags: Sequence[Sequence[int]], size: int) -> NDArray[np.float32]:
    """Inverse document frequency over the items training sees, of mean square 1: [T + 1].

    The item tower takes the direction of a sum, so the length of a tag's vector is its weight.
    """
    idf = _rarity(incidence([tags[item] for item in train.met()], size + 1))
    scaled: NDArray[np.float32] = (idf / np.sqrt((idf[1:] ** 2).mean())).astype(np.float32)
    return scaled


def _rarity(has: sp.csr_array) -> NDArray[np.float64]:
    """IDF of the columns; a tag that no item has is as rare as one of a single item."""
    often = np.maximum(np.asarray(has.sum(axis=0)).ravel(), 1.0)
    idf: NDArray[np.float64] = np.log(has.shape[0] / often) + 1
    return idf


def _even(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scaled to mean squared length 1 over the tags that have a vector."""
    scale = np.sqrt((vectors**2).sum() / max(1, int(vectors.any(axis=1).sum())))
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


def _factor(matrix: sp.csr_array, dim: int, power: float = 0.5) -> NDArray[np.float64]:
    """Left singular vectors times the values to a power: [rows, D], zeros where rank runs out."""
    rank = min(dim, min(matrix.shape) - 1)
    out = np.zeros((matrix.shape[0], dim))
    if matrix.nnz == 0 or rank < 1:
        return out
    start = np.ones(min(matrix.shape))
    left, values, _ = svds(matrix, k=rank, v0=start, solver="arpack", rng=0)
    largest = np.abs(left).argmax(axis=0)  # a direction's sign is free: its largest is positive
    left = left * np.sign(left[largest, np.arange(rank)])
    out[:, :rank] = left[:, ::-1] * np.maximum(values[::-1], 0.0) ** power
    out[np.diff(matrix.indptr) == 0] = 0.0  # the solver leaves 1e-16 there
    return out
