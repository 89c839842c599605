"""Popularity as it is: the n-th most popular is met about as often as 1 / n."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def ranks(rng: np.random.Generator, sizes: Numbers) -> Numbers:
    """For each size a rank below it from 0, the n-th (from 1) about as often as 1 / n."""
    drawn = (sizes + 1.0) ** rng.random(sizes.shape)
    return np.minimum(drawn.astype(np.int64), sizes) - 1
