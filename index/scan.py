"""Exact scores of vectors that lie side by side, and the best of them.

Shapes: R vectors of D dimensions, I interests of one query.
"""

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Scores = NDArray[np.float32]
Places = NDArray[np.int64]

SORTED = 4  # times k: so few scores are sorted faster than they are parted


def scores_of(query: Vectors, vectors: Vectors) -> Scores:
    """[R] the best inner product of each vector [R, D] over the interests of a query [I, D].

    Equal vectors score equally to the last bit, on which the order by id rests: BLAS, which takes
    several rows at a time and the last ones otherwise than the first, would not do.
    """
    interests, count = len(query), len(vectors)
    found = np.empty((interests, count), dtype=np.float32)
    places = np.arange(count) if interests == 1 else np.tile(np.arange(count), interests)
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
        faiss.swig_ptr(found), faiss.swig_ptr(query), faiss.swig_ptr(vectors),
        faiss.swig_ptr(places), vectors.shape[1], interests, count,
    )  # fmt: skip
    scores: Scores = found[0] if interests == 1 else found.max(axis=0)
    return scores


def highest(scores: Scores, k: int) -> Places:
    """Places of the k highest of R scores, highest first, and of whatever follows them or ties."""
    if len(scores) <= SORTED * k:
        return (-scores).argsort()
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    places = np.flatnonzero(scores >= least)
    return places[(-scores[places]).argsort()]
