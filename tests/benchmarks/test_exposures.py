"""What records cost is told beside what the measurement cannot tell apart."""

import pytest

from benchmarks.exposures import Cost, rows

FAST, SLOW = Cost(1.02e-3, 1e-3, 1e-3), Cost(2.24e-3, 2e-3, 2e-3)


def test_a_disturbed_round_and_a_slow_start_change_little() -> None:
    """Medians of rounds, then of starts; the interval is what the starts differ by."""
    disturbed = Cost(5e-3, 1e-3, 1e-3)
    first, noise = rows(20, [[FAST, disturbed, FAST], [FAST] * 3, [SLOW] * 3])
    assert first.ours == "1.02 ms: 1.020 to 1.120 times"
    assert first.ratio == FAST.ratio
    assert first.met
    assert (noise.ratio, noise.met) == (1.0, None)


def test_a_cost_above_the_goal_misses_it() -> None:
    assert next(rows(20, [[SLOW]])).met is False


def test_what_keeps_no_record_is_compared_by_both() -> None:
    """Half of what they differ by goes to either side."""
    cost = Cost(recorded=1.1e-3, bare=1e-3, again=1.2e-3)
    assert (cost.ratio, cost.noise) == pytest.approx((1.0, 1.2))
