"""How items are parted into lists: by what the queries that are asked can tell apart.

A query should find its best items in few lists. Two items belong together when those who ask score
them alike, however far apart they lie in directions in which nobody asks: users' vectors mostly
share a direction or lie in few of them, item vectors do not. So items are clustered by distances
(x - y)ᵀ √M (x - y), where M [D, D] is the second moment of recent queries at length 1, and a query
begins with the lists whose centroid's score and spread of scores promise most. For want of queries
M is the identity, and this is k-means. Shapes: C lists, R vectors, B queries, D dimensions.
"""

from dataclasses import dataclass
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
        if self.count == 1:
            return np.zeros(len(vectors), dtype=np.int64)
        _, lists = self._homes.search(_longer(vectors, np.ones(len(vectors), np.float32)), 1)
        return np.ascontiguousarray(lists[:, 0])

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
    def _homes(self) -> Any:
        """The nearest centroid by the metric is the one with the highest c√Mx - c√Mc / 2."""
        weighed = self.centroids @ self.metric
        return _flat(_longer(weighed, -np.einsum("cd,cd->c", weighed, self.centroids) / 2))


def learned(codes: NDArray[np.float16], count: int, queries: Vectors) -> Partition:
    """`count` lists for items of codes [R, D] and those who ask queries [Q, D], maybe none.

    Takes seconds on one core, by a sample of the items.
    """
    sample = codes[_sample(len(codes), POINTS * count)].astype(np.float32)
    metric = metric_of(codes.shape[1], queries)
    values, axes = np.linalg.eigh(metric)
    there, back = (axes * values**power @ axes.T for power in (0.5, -0.5))
    moved = (sample @ there).astype(np.float32)
    means = faiss.Kmeans(
        moved.shape[1], count, niter=ROUNDS, seed=SEED,
        min_points_per_centroid=1, max_points_per_centroid=POINTS,
    )  # fmt: skip
    means.train(moved)
    assert means.centroids is not None  # noqa: S101  # it is trained
    centroids = (means.centroids @ back).astype(np.float32)
    _, homes = _l2(means.centroids).search(moved, 1)
    return Partition(centroids, _spreads(sample, centroids, homes[:, 0], metric), metric)


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


def _l2(vectors: Vectors) -> Any:
    flat: Any = faiss.IndexFlatL2(vectors.shape[1])
    flat.add(vectors)
    return flat


def _sample(rows: int, most: int) -> Numbers:
    """At most so many of R rows."""
    if rows <= most:
        return np.arange(rows)
    return np.random.default_rng(SEED).integers(rows, size=most)  # lets others run meanwhile
