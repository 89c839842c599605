"""Contents of an index, different in every column for every seed."""

import numpy as np

from index.contents import Contents

DIM = 8


def sample(seed: int, n: int = 40, dim: int = DIM) -> Contents:
    """n items in 3 lists with 4 profiles, and 5 recent queries."""
    rng = np.random.default_rng(seed)
    return Contents(
        ids=[f"v{seed}-{number}" for number in rng.permutation(n).tolist()],
        codes=rng.standard_normal((n, dim)).astype(np.float16),
        published=rng.uniform(0, 1e9, n),
        expires=np.where(rng.random(n) < 0.5, np.inf, rng.uniform(1e9, 2e9, n)),
        profiles=rng.integers(0, 4, n, dtype=np.int32),
        table=[frozenset({("region", f"r{seed}-{number}")}) for number in range(4)],
        lists=rng.integers(0, 3, n, dtype=np.int32),
        centroids=rng.standard_normal((3, dim)).astype(np.float32),
        spreads=rng.random(3).astype(np.float32),
        metric=rng.standard_normal((dim, dim)).astype(np.float32),
        queries=rng.standard_normal((5, dim)).astype(np.float32),
        places=rng.integers(3, size=(4, 6), dtype=np.int32),
    )


def same(one: Contents, other: Contents) -> bool:
    """Whether every column is equal in value, type and shape."""
    return all(_equal(column, getattr(other, name)) for name, column in vars(one).items())


def _equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one == other
