"""Vectors like those of items: means of a few tags' vectors, some tags far more common."""

import numpy as np
from numpy.typing import NDArray

from index.partition import Partition, metric_of

DIM = 16
TAGS = 200


def clustered(count: int, seed: int) -> NDArray[np.float32]:
    """[count, DIM], half floats, of length about 1; the tags are the same for every seed."""
    tags = np.random.default_rng(0).standard_normal((TAGS, DIM))
    common = 1 / np.arange(1, TAGS + 1)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(TAGS, size=(count, 3), p=common / common.sum())
    return _of_length_one(tags[drawn].mean(axis=1) + 0.05 * rng.standard_normal((count, DIM)))


def scattered(count: int, seed: int) -> NDArray[np.float32]:
    """[count, DIM], half floats, in all directions alike."""
    return _of_length_one(np.random.default_rng(seed).standard_normal((count, DIM)))


def _of_length_one(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    kept: NDArray[np.float32] = (vectors / lengths).astype(np.float16).astype(np.float32)
    return kept


def around(centroids: NDArray[np.float32]) -> Partition:
    """Lists around centroids [C, D], by plain distances."""
    spreads = np.zeros(len(centroids), dtype=np.float32)
    return Partition(centroids, spreads, metric_of(centroids.shape[1]))
