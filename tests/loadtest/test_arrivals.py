"""Arrivals come as often as they should, when they should, the same for the same seed."""

import numpy as np
import pytest

from loadtest.arrivals import at_random, evenly, following, rate_at
from loadtest.zipf import ranks


def test_arrivals_have_the_rate_asked_for() -> None:
    """By the clock exactly, at random on average, the same for the same seed."""
    assert evenly(50, 2).tolist() == [n / 50 for n in range(100)]
    dues = at_random(1000, 20, 1)
    assert len(dues) == 20_000
    assert dues[-1] == pytest.approx(20, rel=0.03)
    assert np.diff(dues).std() == pytest.approx(1e-3, rel=0.05)
    assert np.array_equal(dues, at_random(1000, 20, 1))


def test_arrivals_follow_a_rate_that_changes() -> None:
    """A third of the time at 100 a second, a leap to 2,000, and down to nothing."""
    points = [(0.0, 100.0), (10.0, 100.0), (10.0, 2000.0), (20.0, 2000.0), (30.0, 0.0)]
    dues = following(points, 3)
    counts, _ = np.histogram(dues, [0, 10, 20, 25, 30])
    assert counts == pytest.approx([1000, 20_000, 7500, 2500], rel=0.08)
    assert (np.diff(dues) >= 0).all()
    assert dues[0] >= 0
    assert dues[-1] <= 30
    assert np.array_equal(dues, following(points, 3))
    assert not np.array_equal(dues[:50], following(points, 4)[:50])


def test_arrivals_at_one_rate_are_a_poisson_process() -> None:
    """As many in each tenth of a second as chance allows: the variance is the mean."""
    counts, _ = np.histogram(following([(0.0, 500.0), (60.0, 500.0)], 1), np.arange(0, 60.05, 0.1))
    assert counts.mean() == pytest.approx(50, rel=0.03)
    assert counts.var() == pytest.approx(50, rel=0.2)


def test_no_arrivals_where_nobody_asks() -> None:
    """A rate of zero is a rate."""
    assert len(following([(0.0, 0.0), (5.0, 0.0)], 1)) == 0


def test_the_rate_between_two_points_is_straight() -> None:
    """And that of the last point after it."""
    points = [(0.0, 100.0), (10.0, 300.0)]
    assert [rate_at(points, moment) for moment in (0, 5, 10, 11)] == [100, 200, 300, 300]


def test_the_second_most_popular_is_met_half_as_often() -> None:
    """Zipf's law over a hundred ranks, each of them met."""
    drawn = ranks(np.random.default_rng(1), np.full(200_000, 100))
    counts = np.bincount(drawn, minlength=100)
    assert counts[0] / counts[1] == pytest.approx(np.log(2) / np.log(1.5), rel=0.05)
    assert (counts > 0).all()
    assert len(counts) == 100
