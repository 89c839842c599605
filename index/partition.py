"""How items are parted into lists: by what the queries that are asked can tell apart.

A query should find its best items in few lists. Two items belong together when those who ask score
them alike, however far apart they lie in directions in which nobody asks: users' vectors mostly
share a direction or lie in few of them, item vectors do not. So items are clustered by distances
(x - y)ᵀ √M (x - y), where M [D, D] is the second moment of recent queries at length 1, and a query
begins with the lists whose centroid's score and spread of scores promise most. For want of queries
M is the identity, and this is k-means. Shapes: C lists, R vectors, B queries, D dimensions.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.scan import Vectors

Numbers = NDArray[np.int64]
Nearest = tuple[NDArray[np.float32], Numbers]  # what lists promise, and their numbers

PROMISED = 2.0  # spreads above its centroid's score: what the best items of a list may have
LEAST = 1e-3  # of M's mean eigenvalue: no direction counts for less
POINTS = 40  # sampled for each centroid: more of them changed no figure
ROUNDS = 6  # of k-means
SEED = 20211207
GROUP = 32  # centroids of one product of matrices, and …
PRODUCT = 2**18  # … multiplications: so small a one BLAS does not share out among threads


@dataclass(frozen=True)
class Partition:
    """C lists; immutable, and safe beside anything."""

    centroids: Vectors  # [C, D]
    spreads: NDArray[np.float32]  # [C] of the scores of a list's items around their centroid's
    metric: Vectors  # [D, D] √M

    @classmethod
    def whole(cls, dim: int) -> "Partition":
        """One list."""
        return cls(np.zeros((1, dim), np.float32), np.zeros(1, np.float32), metric_of(dim))

    @property
    def count(self) -> int:
        """C."""
        return len(self.centroids)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.centroids.shape[1])

    def assign(self, vectors: Vectors) -> Numbers:
        """The list of each of R vectors."""
        lists = np.zeros(len(vectors), dtype=np.int64)
        if self.count > 1:
            longer = _longer(vectors, np.ones(len(vectors), np.float32))
            size = max(1, PRODUCT // (GROUP * longer.shape[1]))
            for start in range(0, len(longer), size):
                lists[start : start + size] = self._nearest_to(longer[start : start + size])
        return lists

    def _nearest_to(self, longer: Vectors) -> Numbers:
        """The list of each of a few vectors [R, D + 1]; four times as fast as faiss's search."""
        scores = np.empty((len(longer), *self._homes.shape[::2]), dtype=np.float32)  # [R, C/G, G]
        np.matmul(longer, self._homes, out=scores.transpose(1, 0, 2))
        lists: Numbers = scores.reshape(len(longer), -1).argmax(axis=1)
        return lists

    def nearest(self, queries: Vectors, probes: int) -> Nearest:
        """The lists that promise most to each of B queries, the first one most: [B, probes]."""
        asked = _longer(queries, _lengths(queries))
        promised = np.empty((len(queries), probes), dtype=np.float32)
        numbers = np.empty((len(queries), probes), dtype=np.int64)
        self._promises.search_c(
            len(queries), faiss.swig_ptr(asked), probes,
            faiss.swig_ptr(promised), faiss.swig_ptr(numbers),
        )  # fmt: skip
        return promised, numbers

    @cached_property
    def _promises(self) -> Any:
        """[C, D + 1] whose product with a query and its length is what a list promises."""
        return _flat(_longer(self.centroids, np.float32(PROMISED) * self.spreads))

    @cached_property
    def _homes(self) -> Vectors:
        """[C/G, D + 1, G] groups of G centroids, the last one filled up with none.

        The nearest one by the metric is that with the highest c√Mx - c√Mc / 2.
        """
        weighed = self.centroids @ self.metric
        longer = _longer(weighed, -np.einsum("cd,cd->c", weighed, self.centroids) / 2)
        padded = np.zeros((-(-self.count // GROUP) * GROUP, self.dim + 1), dtype=np.float32)
        padded[:, -1] = -np.inf
        padded[: self.count] = longer
        groups = padded.reshape(-1, GROUP, self.dim + 1)
        return np.ascontiguousarray(groups.transpose(0, 2, 1))


def learned(codes: NDArray[np.float16], count: int, queries: Vectors) -> Partition:
    """`count` lists for items of codes [R, D] and those who ask queries [Q, D], maybe none.

    Takes seconds on one core, by a sample of the items.
    """
    sample = codes[_sample(len(codes), POINTS * count)].astype(np.float32)
    metric, rng = metric_of(codes.shape[1], queries), np.random.default_rng(SEED)
    made = _around(rng.choice(sample, count, replace=False), metric)
    for _ in range(ROUNDS):
        made = _around(_means(sample, made.assign(sample), count, rng), metric)
    return replace(made, spreads=_spreads(sample, made.centroids, made.assign(sample), metric))


def _around(centroids: Vectors, metric: Vectors) -> Partition:
    """Lists whose spreads nobody has measured yet."""
    return Partition(centroids, np.zeros(len(centroids), np.float32), metric)


def _means(sample: Vectors, homes: Numbers, count: int, rng: np.random.Generator) -> Vectors:
    """[C, D] of each list's vectors; an empty one begins again at any of them.

    The metric changes what is near, not what the mean is.
    """
    sizes = np.bincount(homes, minlength=count)
    sums = np.stack([np.bincount(homes, part, minlength=count) for part in sample.T], axis=1)
    means: Vectors = (sums / np.maximum(1, sizes)[:, None]).astype(np.float32)
    empty = np.flatnonzero(sizes == 0)
    means[empty] = rng.choice(sample, len(empty))
    return means


def _spreads(
    sample: Vectors, centroids: Vectors, homes: Numbers, metric: Vectors
) -> NDArray[np.float32]:
    """[C] root mean square, over a list's items and the queries, of score minus centroid's."""
    rest = (sample - centroids[homes]) @ metric
    squares = np.bincount(homes, (rest * rest).sum(axis=1), minlength=len(centroids))
    counts = np.bincount(homes, minlength=len(centroids))
    mean = squares / np.maximum(1, counts) / len(metric)  # a query has length 1, √M trace D
    return np.sqrt(mean).astype(np.float32)


def metric_of(dim: int, queries: Vectors | None = None) -> Vectors:
    """√M [D, D] of queries [Q, D], M with mean eigenvalue 1; without them the identity."""
    if queries is None or not len(queries):
        return np.eye(dim, dtype=np.float32)
    unit = (queries / _lengths(queries)[:, None]).astype(np.float64)
    values, axes = np.linalg.eigh(unit.T @ unit * (dim / len(unit)) + LEAST * np.eye(dim))
    root: Vectors = (axes * np.sqrt(values) @ axes.T).astype(np.float32)
    return root


def likeness(one: Vectors, other: Vectors) -> float:
    """How alike the queries behind two metrics tell items apart, at most 1: a cosine.

    Two samples of 256 of the same users have .9 and more, of others .7 and less.
    """
    return float(np.vdot(one, other) / np.sqrt(np.vdot(one, one) * np.vdot(other, other)))


def _lengths(queries: Vectors) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.sqrt(np.einsum("bd,bd->b", queries, queries))
    return lengths


def _longer(vectors: Vectors, last: NDArray[np.float32]) -> Vectors:
    """[R, D + 1]"""
    longer = np.empty((len(vectors), vectors.shape[1] + 1), dtype=np.float32)
    longer[:, :-1], longer[:, -1] = vectors, last
    return longer


def _flat(vectors: Vectors) -> Any:
    flat: Any = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return flat


def _sample(rows: int, most: int) -> Numbers:
    """At most so many of R rows."""
    if rows <= most:
        return np.arange(rows)
    return np.random.default_rng(SEED).integers(rows, size=most)  # lets others run meanwhile
