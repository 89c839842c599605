"""Batches are a pure function of (seed, step) and never show what is to be predicted."""

import numpy as np
import pytest

from trainer.config import Config
from trainer.examples import NONE, Examples
from trainer.sequences import Sequences

ROWS = [[0, 1, 2, 3, 4, 5], [6, 7], [8]]
IS_TARGET = np.array([False, False, False, True, True, True, False, True, True])


def examples(*settings: str) -> Examples:
    config = Config.with_overrides(["batch=4", "max_items=3", "source_ratio=9", *settings])
    return Examples(Sequences.of(ROWS), IS_TARGET, config)


def batches(found: Examples) -> list[tuple[list[int], int]]:
    """All (history, positive) pairs of an epoch."""
    steps = [found.batch(step) for step in range(found.steps_per_epoch)]
    return [
        ([i for i in row if i != NONE], int(positive))
        for b in steps
        for row, positive in zip(b.history.tolist(), b.positive, strict=True)
    ]


def test_a_history_is_what_came_before() -> None:
    """The newest L items before the positive, oldest first, of the same user."""
    for history, positive in batches(examples("shuffled=0", "empty=0")):
        row = next(row for row in ROWS if positive in row)
        at = row.index(positive)
        assert history == row[max(0, at - 3) : at]


def test_a_shuffled_history_is_drawn_around_the_positive() -> None:
    """In order, without the positive itself, from the same user."""
    for history, positive in batches(examples("shuffled=1", "empty=0", "window=4")):
        row = next(row for row in ROWS if positive in row)
        at = row.index(positive)
        around = row[max(0, at - 2) : at] + row[at + 1 : at + 3]
        assert set(history) <= set(around)
        assert history == sorted(history)
        assert bool(history) == bool(around)


def test_padding_is_on_the_right() -> None:
    """As `bundle.pad_histories` lays it out."""
    for step in range(3):
        padding = examples("epochs=9").batch(step).history == NONE
        assert (padding[:, 1:] >= padding[:, :-1]).all()


def test_the_same_step_gives_the_same_batch() -> None:
    """In whatever order steps are asked for; another seed gives another."""
    first, second = examples(), examples()
    second.batch(1)
    assert np.array_equal(first.batch(0).history, second.batch(0).history)
    order = [examples(f"seed={s}", "epochs=3").batch(0).positive.tolist() for s in range(4)]
    assert len(set(map(tuple, order))) > 1


@pytest.mark.parametrize(("ratio", "expected"), [(0, 5), (0.5, 7), (9, 9)])
def test_source_positives_are_a_share_of_the_target_ones(ratio: float, expected: int) -> None:
    """The target domain is what will be recommended."""
    assert examples(f"source_ratio={ratio}").per_epoch == expected


def test_empty_histories_are_drawn() -> None:
    """So that a user without a history is learned too."""
    assert all(not history for history, _ in batches(examples("empty=1")))


@pytest.mark.parametrize("ratio", [0, 1])
def test_without_a_target_event_the_source_is_learned_from(ratio: float) -> None:
    """A domain so young that all of it is cold."""
    config = Config.with_overrides(["batch=4", f"source_ratio={ratio}"])
    found = Examples(Sequences.of(ROWS), np.zeros(9, dtype=np.bool_), config)
    assert found.per_epoch == 9
    assert len(found.batch(0).positive) == 4


def test_an_epoch_shows_each_event_once() -> None:
    """Up to the rest of the last batch; the next epoch has another order."""
    found = examples("epochs=2", "batch=3")
    epochs = [
        [i for step in range(3) for i in found.batch(3 * epoch + step).positive.tolist()]
        for epoch in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(9))
    assert epochs[0] != epochs[1]
