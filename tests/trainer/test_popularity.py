"""Popularity: counts where there are some, what the tags carry where there are none."""

import numpy as np
import pytest

from trainer.popularity import Popularity, carried_by_tags
from trainer.sequences import Sequences

TAGS = [[1], [1, 2], [2], [1], [3], []]
TRAIN = Sequences.of([[0, 1], [0], [0, 2]])  # counts 3, 1, 1; items 3, 4 and 5 are cold


def test_a_cold_item_is_as_popular_as_its_tags() -> None:
    """The mean over its tags; one with new tags, or none, takes the mean of all known items."""
    carried = carried_by_tags(TRAIN, TAGS, 4)
    assert carried == pytest.approx([5 / 3, 2, 1, 5 / 3])
    model = Popularity(TAGS, TRAIN.counts(6), carried)
    assert model([np.array([0])], np.array([3, 4, 5]))[0] == pytest.approx([2, 5 / 3, 5 / 3])


def test_a_known_item_has_its_own_count() -> None:
    """For every history alike."""
    model = Popularity(TAGS, TRAIN.counts(6), carried_by_tags(TRAIN, TAGS, 4))
    assert model([np.array([0]), np.array([2])], np.arange(3)).tolist() == [[3, 1, 1]] * 2


def test_nothing_learned_is_no_error() -> None:
    """An empty training set carries zero."""
    assert not carried_by_tags(Sequences.of([[]]), TAGS, 4).any()
