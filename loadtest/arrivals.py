"""When requests are due: by the clock, or independently of one another at a rate that may change.

A rate is told by points (seconds since the start, requests a second), straight between them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = Sequence[tuple[float, float]]
Times = NDArray[np.float64]

GRID_S = 0.01  # finer than any change of a rate that matters


def evenly(rate: float, seconds: float) -> Times:
    """By the clock."""
    return np.arange(int(rate * seconds)) / rate


def at_random(rate: float, seconds: float, seed: int) -> Times:
    """A Poisson process of one rate, as many as are expected."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds))
    dues: Times = np.cumsum(gaps)
    return dues


def following(points: Points, seed: int) -> Times:
    """A Poisson process whose rate follows the points, from the first to the last.

    Arrivals of rate one are laid along the expected number of arrivals so far (time rescaling).
    """
    times, rates = np.array(points, dtype=np.float64).T
    grid = np.unique(np.concatenate([np.arange(times[0], times[-1], GRID_S), times]))
    middle = np.interp((grid[1:] + grid[:-1]) / 2, times, rates)
    expected = np.concatenate([[0.0], np.cumsum(middle * np.diff(grid))])
    rng = np.random.default_rng(seed)
    marks = np.sort(rng.random(rng.poisson(expected[-1]))) * expected[-1]
    dues: Times = np.interp(marks, expected, grid)
    return dues


def rate_at(points: Points, moment: float) -> float:
    """Requests a second at a moment."""
    times, rates = np.array(points, dtype=np.float64).T
    return float(np.interp(moment, times, rates))
