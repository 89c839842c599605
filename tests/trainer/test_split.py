"""What is held out stays out: the rules of the protocol, for any sequences."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.config import Config
from trainer.data import read
from trainer.errors import DataError
from trainer.sequences import Sequences
from trainer.split import MIN_HISTORY, Split, hold_out, split

ITEMS = 20
IS_TARGET = np.arange(ITEMS) % 2 == 0
ROWS = st.lists(st.lists(st.integers(0, ITEMS - 1), unique=True, max_size=12), min_size=1)
KINDS = st.sampled_from(["paper", "cold"])


def held(rows: list[list[int]], kind: Literal["paper", "cold", "none"], seed: int) -> Split:
    return hold_out(Sequences.of(rows), IS_TARGET, kind, seed, share=0.3)


@given(rows=ROWS, kind=KINDS, seed=st.integers(0, 9))
def test_no_cold_item_in_training_or_history(
    rows: list[list[int]], kind: Literal["paper", "cold"], seed: int
) -> None:
    """Cold items are target items that occur in no training sequence and no history."""
    found = held(rows, kind, seed)
    assert not np.isin(found.train.items, found.pool).any()
    assert IS_TARGET[found.pool].all()
    for case in found.cases:
        assert case.positive in found.pool
        assert not np.isin(case.history, found.pool).any()


@given(rows=ROWS, kind=KINDS, seed=st.integers(0, 9))
def test_histories_end_before_the_truth_and_training_sees_no_more(
    rows: list[list[int]], kind: Literal["paper", "cold"], seed: int
) -> None:
    """The truth is the user's last target item; their training row is the history itself."""
    found = held(rows, kind, seed)
    for case in found.cases:
        row = rows[case.user]
        assert case.positive == [i for i in row if IS_TARGET[i]][-1]
        before = row[: row.index(case.positive)]
        assert [i for i in before if i in case.history] == case.history.tolist()
        assert found.train[case.user].tolist() == case.history.tolist()
        assert len(case.history) >= MIN_HISTORY
        assert case.cold == (not IS_TARGET[case.history].any())


@given(rows=ROWS, kind=KINDS, seed=st.integers(0, 9))
def test_the_same_seed_gives_the_same_split(
    rows: list[list[int]], kind: Literal["paper", "cold"], seed: int
) -> None:
    """A split is a function of data and seed."""
    assert held(rows, kind, seed).fingerprint == held(rows, kind, seed).fingerprint


@given(rows=ROWS)
def test_none_holds_nothing_out(rows: list[list[int]]) -> None:
    """Production trains on everything."""
    found = held(rows, "none", 0)
    assert found.train.items.tolist() == [i for row in rows for i in row]
    assert not found.cases


@given(rows=ROWS)
@settings(max_examples=30)
def test_paper_erases_every_users_last_target_item(rows: list[list[int]]) -> None:
    """Section 4.1.2 to the letter."""
    last = {[i for i in row if IS_TARGET[i]][-1] for row in rows if IS_TARGET[row].any()}
    assert set(held(rows, "paper", 0).pool.tolist()) == last


def test_half_of_the_judged_users_lose_their_target_history() -> None:
    """They, and nobody else here, are the cold users."""
    rows = [[1, 3, 2, 4, 6 + 2 * (u % 3)] for u in range(100)]
    found = held(rows, "paper", 0)
    assert sum(case.cold for case in found.cases) == 50


def test_validation_is_cut_out_of_training(data: Path) -> None:
    """No item, truth or later event of the test is seen while choosing."""
    dataset = read(data)
    test = split(dataset, Config(split="cold"))
    choosing = split(dataset, Config(split="cold", validation=True))
    assert not np.isin(choosing.train.items, test.pool).any()
    assert not np.isin(choosing.pool, test.pool).any()
    assert len(choosing.train.items) < len(test.train.items)


def test_thinning_takes_source_events_of_training_alone(data: Path) -> None:
    """Users, histories and truths stay; smaller shares lie in larger ones; 1 is all."""
    dataset = read(data)
    whole, half, none = (split(dataset, Config(source_share=share)) for share in (1, 0.5, 0))
    is_target = dataset.is_target
    assert split(dataset, Config()).fingerprint == whole.fingerprint
    for thinned in (half, none):
        assert all(
            (a.user, a.positive, a.history.tolist()) == (b.user, b.positive, b.history.tolist())
            for a, b in zip(thinned.cases, whole.cases, strict=True)
        )
        targets = [found.train.items[is_target[found.train.items]] for found in (thinned, whole)]
        assert targets[0].tolist() == targets[1].tolist()
    assert is_target[none.train.items].all()
    sources = [(~is_target[found.train.items]).sum() for found in (half, whole)]
    assert 0.4 < sources[0] / sources[1] < 0.6
    quarter = split(dataset, Config(source_share=0.25))
    for user in range(len(whole.train)):
        assert set(quarter.train[user]) <= set(half.train[user]) <= set(whole.train[user])


def test_thinning_depends_on_the_split_seed_alone(data: Path) -> None:
    """Every model and seed learns from the same events."""
    dataset = read(data)
    first, again, other = (
        split(dataset, Config(source_share=0.5, seed=seed, split_seed=split_seed))
        for seed, split_seed in ((0, 0), (1, 0), (0, 1))
    )
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_nobody_to_judge_is_an_error(data: Path) -> None:
    """A split without a case measures nothing."""
    dataset = read(data)
    lonely = dataset.__class__(**{**vars(dataset), "sequences": Sequences.of([[0], [1]])})
    with pytest.raises(DataError, match=r"no user to judge|nothing to learn"):
        split(lonely, Config(split="paper"))
