"""Intervals hold what was planted as often as they promise, and stay silent when nothing was."""

import numpy as np
import polars as pl
import pytest
import tea_tasting as tt
from numpy.typing import NDArray

from couple.abtest import statistics
from couple.abtest.served import FACTS, Facts
from couple.abtest.statistics import Draws, divided_anew, lift, ratio_check, summed, users_needed

RUNS = 400
USERS = 300


def drawn(runs: int, users: int, ctr: float, seed: int) -> NDArray[np.float64]:
    """[R, U, F] users who differ in how much they look and in how much they click."""
    draw = np.random.default_rng(seed)
    impressions = 1 + draw.poisson(draw.gamma(2, 10, (runs, users)))
    clicks = draw.binomial(impressions, np.clip(2 * ctr * draw.beta(2, 2, (runs, users)), 0, 1))
    cold = draw.binomial(impressions, 0.1)
    return np.stack([impressions, clicks, cold], axis=2).astype(np.float64)


def lifts(planted: float) -> list[statistics.Lift]:
    """One of each of `RUNS` experiments whose treatment has this relative lift of CTR."""
    controls, arms = drawn(RUNS, USERS, 0.1, 1), drawn(RUNS, USERS, 0.1 * (1 + planted), 2)
    return [
        lift(summed(control), summed(arm), "clicks", "impressions")
        for control, arm in zip(controls, arms, strict=True)
    ]


def expected(hits: int) -> bool:
    """Whether 95 % of so many runs came out, within three standard errors."""
    return bool(abs(hits - 0.95 * RUNS) <= 3 * (RUNS * 0.95 * 0.05) ** 0.5)


def test_a_planted_lift_lies_in_its_interval() -> None:
    """As often as 95 % promises."""
    assert expected(sum(found.low <= 0.1 <= found.high for found in lifts(0.1)))


def test_no_lift_raises_no_more_false_alarms_than_promised() -> None:
    """A/A: 5 % over 400 runs, within sampling error; interval and p agree."""
    found = lifts(0.0)
    assert expected(sum(one.p >= 0.05 for one in found))
    assert sum((one.low <= 0 <= one.high) == (one.p >= 0.05) for one in found) >= RUNS - 4


def test_it_is_what_the_library_finds_in_the_rows() -> None:
    """Sums lose nothing."""
    control, arm = drawn(2, USERS, 0.1, 3)
    table = pl.concat(
        [
            pl.DataFrame(dict(zip(FACTS, facts.T, strict=True))).with_columns(variant=pl.lit(n))
            for n, facts in enumerate((control, arm))
        ]
    )
    ratio = tt.RatioOfMeans("clicks", "impressions")
    theirs = tt.Experiment(ctr=ratio).analyze(table)["ctr"]
    ours = lift(summed(control), summed(arm), "clicks", "impressions")
    assert ours.relative == pytest.approx(theirs.rel_effect_size)
    assert ours.low == pytest.approx(theirs.rel_effect_size_ci_lower)
    assert ours.p == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_users_who_do_not_differ_give_no_interval(share: float) -> None:
    """All that was shown is cold, or nothing: rounding must not make a variance of it."""
    users = drawn(2, USERS, 0.1, 5)
    users[:, :, FACTS.index("cold")] = share * users[:, :, FACTS.index("impressions")]
    control, arm = map(summed, users)
    found = lift(control, arm, "cold", "impressions")
    assert (found.control, found.treatment) == (share, share)
    assert np.isnan([found.relative, found.low, found.high, found.p]).all()


def test_the_sample_ratio_is_judged_by_the_weights() -> None:
    """Nine to one is no fault where it was asked for."""
    control, arm = (summed(facts) for facts in (drawn(1, 900, 0.1, 4)[0], drawn(1, 100, 0.1, 5)[0]))
    assert ratio_check(control, arm, 1.0) < 1e-6
    assert ratio_check(control, arm, 1 / 9) > 0.5


def test_a_smaller_lift_needs_more_users() -> None:
    """About with the square of its size; and as many as predicted do show it."""
    control = summed(drawn(1, 5000, 0.1, 6)[0])
    small, large = users_needed(control, "clicks", "impressions", (0.05, 0.1))
    assert small / large == pytest.approx(4, rel=0.05)
    arms = (drawn(100, large // 2, ctr, seed) for ctr, seed in ((0.1, 7), (0.11, 8)))
    seen = sum(
        lift(summed(one), summed(other), "clicks", "impressions").p < 0.05
        for one, other in zip(*arms, strict=True)
    )
    assert 68 <= seen <= 92, "a power of 80 %, three standard errors around"


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_users_divided_anew_raise_false_alarms_as_often_as_they_should(share: float) -> None:
    """Whatever they did, the arms of a draw do not differ."""
    found = divided_anew(drawn(1, 2000, 0.1, 9)[0], share, RUNS, seed=0)
    assert found.count == RUNS
    assert expected(RUNS - found.alarms)


def test_an_unfair_test_is_found_out() -> None:
    """Rows that are not users of their own would look twice as sure as they are."""
    assert Draws(400, 20).sound
    assert not Draws(400, 40).sound
    assert Draws(400, 20).error == pytest.approx(0.0214, abs=1e-4)


def test_draws_do_not_depend_on_how_many_are_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and the seed decides."""
    facts: Facts = drawn(1, 500, 0.1, 10)[0]
    whole = divided_anew(facts, 0.5, 50, seed=3)
    monkeypatch.setattr(statistics, "AT_ONCE", 1000)
    assert divided_anew(facts, 0.5, 50, seed=3) == whole
