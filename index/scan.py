"""Exact search in one state of the index: numbers only, no ids and no lock.

faiss finds candidates in float32, where the last bits of a score depend on which kernel computed
it. So candidates are scored again in float64, each from its own row alone: equal vectors then score
equally wherever they lie, and a replica that stored the items in another order gives the same
answer to the last bit.

Shapes: n rows, D dimensions, I interests, C candidates.
"""

from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from index.rows import Columns, RowNumbers, lengths_of

SLACK = 32  # candidates fetched beyond k, so that few ties at the boundary need a second pass
CHUNK = 1024  # candidates scored at a time: bounds the float64 copies to what a cache holds
UNIT = float(np.finfo(np.float32).eps) / 2  # relative error of one float32 rounding
UNDERFLOW = float(np.finfo(np.float32).tiny)  # absolute error of a product too small for float32

Query = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Scan:
    """The rows that one query may find."""

    columns: Columns  # n rows
    eligible: NDArray[np.bool_]  # [n]

    def best(self, query: Query, k: int) -> tuple[RowNumbers, Scores]:
        """The k eligible rows of highest score, and all that tie with the last, in no order.

        A row's score is its best inner product over the query's interests [I, D]. Fewer than k
        rows come only when no more are eligible.
        """
        rows = np.flatnonzero(self.eligible)
        fetch = k + SLACK
        while fetch < len(rows):
            candidates, ceiling = self._nearest(query, fetch)
            found, scores = self._highest(candidates, query, k)
            if scores.min() > ceiling:
                return found, scores
            fetch *= 4
        return self._highest(rows, query, k)

    def _nearest(self, query: Query, fetch: int) -> tuple[RowNumbers, float]:
        """At least `fetch` eligible rows, and a score that no eligible row beside them exceeds."""
        vectors = self.columns.vectors
        scores = np.empty((len(query), fetch), dtype=np.float32)
        rows = np.empty((len(query), fetch), dtype=np.int64)
        bits = np.packbits(self.eligible, bitorder="little")
        # faiss.knn spelled out, because that takes no selector. The arrays outlive the pointers.
        faiss.knn_inner_product(
            faiss.swig_ptr(query),
            faiss.swig_ptr(vectors),
            query.shape[1],
            len(query),
            len(vectors),
            fetch,
            faiss.swig_ptr(scores),
            faiss.swig_ptr(rows),
            faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits)),
        )
        return np.unique(rows), float(scores[:, -1].max()) + self._rounding(query)

    def _rounding(self, query: Query) -> float:
        """How far faiss's score of any row may be from the true one, doubled to be safe.

        Higham, Accuracy and Stability of Numerical Algorithms, 3.5: at most D·u·|x|·|y| in any
        order of summation.
        """
        largest = float(lengths_of(query).max() * self.columns.lengths.max())
        dim: int = query.shape[1]
        return 2 * dim * (UNIT * largest + UNDERFLOW)

    def _highest(self, rows: RowNumbers, query: Query, k: int) -> tuple[RowNumbers, Scores]:
        """The k rows of highest score among these, and all that tie with the last."""
        scores = self._scores(rows, query)
        if len(rows) <= k:
            return rows, scores
        kept = scores >= np.partition(scores, -k)[-k]
        return rows[kept], scores[kept]

    def _scores(self, rows: RowNumbers, query: Query) -> Scores:
        """[C], each from its own row alone."""
        chunks = np.array_split(rows, len(rows) // CHUNK + 1)
        vectors = (self.columns.vectors[chunk].astype(np.float64) for chunk in chunks)
        return np.concatenate(
            [(part[:, None] * query).sum(axis=-1).max(axis=-1) for part in vectors]
        )
