"""The interval of a difference: covers what it should, pairs the users, repeats itself."""

import numpy as np
import pytest

from trainer import bootstrap
from trainer.bootstrap import METRICS, interval, paired
from trainer.metrics import Ranks, summarise
from trainer.sequences import Flags

USERS = 400


def ranks(better: int, seed: int) -> Ranks:
    """Ranks of a model that is `better` places ahead of a common hardness of the users."""
    hardness = np.random.default_rng(0).integers(0, 60, USERS)
    noise = np.random.default_rng(seed).integers(0, 4, USERS)
    found = np.maximum(hardness + noise - better, 0)
    return Ranks(found, found * 5)


def everybody() -> Flags:
    return np.ones(USERS, dtype=np.bool_)


def test_the_difference_is_that_of_the_metrics() -> None:
    """For all metrics, between bounds."""
    first, second = ranks(5, 1), ranks(0, 2)
    found = paired([first], [second], everybody())
    assert tuple(found) == METRICS
    for name, (difference, low, high) in found.items():
        assert difference == pytest.approx(summarise(first)[name] - summarise(second)[name])
        assert low <= difference <= high


def test_a_clear_winner_is_proven_and_a_tie_is_not() -> None:
    """Zero is outside of one interval and inside the other."""
    assert paired([ranks(8, 1)], [ranks(0, 2)], everybody())["HR@10"].proven
    assert paired([ranks(0, 2)], [ranks(8, 1)], everybody())["HR@10"].proven
    assert not paired([ranks(0, 1)], [ranks(0, 2)], everybody())["HR@10"].proven


def test_pairing_takes_out_what_the_users_share() -> None:
    """The interval is far narrower than that of two independent groups of users."""
    found = paired([ranks(2, 1)], [ranks(0, 2)], everybody())["NDCG@10"]
    rate = summarise(ranks(0, 2))["NDCG@10"]
    alone = 2 * 1.96 * np.sqrt(2 * rate * (1 - rate) / USERS)
    assert found.high - found.low < alone / 2


def test_seeds_are_averaged_user_by_user() -> None:
    """Three seeds against one: the mean of the three metrics."""
    seeds = [ranks(3, seed) for seed in range(3)]
    found = paired(seeds, [ranks(0, 9)], everybody())["HR@10"].difference
    mean = np.mean([summarise(seed)["HR@10"] for seed in seeds])
    assert found == pytest.approx(mean - summarise(ranks(0, 9))["HR@10"])


def test_only_the_chosen_users_count() -> None:
    """Cold users apart from warm ones."""
    chosen = np.arange(USERS) < 100
    some = Ranks(*(array[:100] for array in ranks(5, 1)))
    others = Ranks(*(array[:100] for array in ranks(0, 2)))
    whole = paired([ranks(5, 1)], [ranks(0, 2)], chosen)
    assert whole == paired([some], [others], chosen[:100])


def test_the_interval_is_that_of_the_normal_distribution() -> None:
    """95 % of the mean of many values: ± 1.96 standard errors, within a tenth."""
    values = np.random.default_rng(5).normal(size=(2000, 1))
    low, high = interval(values)
    wanted = 1.96 * values.std() / np.sqrt(len(values))
    assert high[0] - values.mean() == pytest.approx(wanted, rel=0.1)
    assert values.mean() - low[0] == pytest.approx(wanted, rel=0.1)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little memory there is, the same resamples are drawn."""
    first = paired([ranks(2, 1)], [ranks(0, 2)], everybody())
    monkeypatch.setattr(bootstrap, "CELLS", 7 * USERS)
    assert paired([ranks(2, 1)], [ranks(0, 2)], everybody()) == first


def test_one_user_proves_nothing_but_is_no_error() -> None:
    """All resamples are alike."""
    chosen = np.arange(USERS) == 7
    found = paired([ranks(2, 1)], [ranks(2, 1)], chosen)["HR@10"]
    assert list(found) == [0, 0, 0]
    assert not found.proven
