"""TF-IDF: shared rare tags count, and only training says what is rare."""

import numpy as np
import pytest

from trainer.tfidf import TfIdf, tag_weights

COMMON, RARE = 1, 2
ITEMS = [[COMMON, RARE], [COMMON], [RARE], [COMMON], []]
ALL = np.arange(5)


def test_the_rare_tag_that_is_shared_is_preferred() -> None:
    """And nothing is scored for an empty history or an item without tags."""
    model = TfIdf(ITEMS, tag_weights(ITEMS, ALL))
    scores = model([np.array([0]), np.zeros(0, np.int64)], np.array([1, 2, 4]))
    assert 0 < scores[0, 0] < scores[0, 1] <= 1
    assert scores[0, 2] == 0
    assert not scores[1].any()


def test_an_item_is_most_like_itself() -> None:
    """The score is a cosine."""
    model = TfIdf(ITEMS, tag_weights(ITEMS, ALL))
    assert model([np.array([0])], np.array([0]))[0, 0] == pytest.approx(1)


def test_cold_items_do_not_say_what_is_rare() -> None:
    """Weights come from the known items alone; a tag that none of them has weighs most."""
    known = np.array([1, 3])
    more = [*ITEMS, [RARE], [RARE]]
    assert tag_weights(ITEMS, known).tolist() == tag_weights(more, known).tolist()
    weights = tag_weights(ITEMS, known)
    assert weights[RARE] == pytest.approx(np.log(3) + 1)
    assert weights[COMMON] == pytest.approx(1)
