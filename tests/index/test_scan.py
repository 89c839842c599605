"""Exact scores, and the best of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.scan import highest, scores_of
from tests.index.vectors import clustered

QUERY = clustered(4, seed=2)


@pytest.mark.parametrize("count", [0, 1, 7, 500])
@pytest.mark.parametrize("interests", [1, 4])
def test_a_score_is_the_best_over_the_interests(count: int, interests: int) -> None:
    vectors, query = clustered(500, seed=1)[:count], QUERY[:interests]
    scores = scores_of(query, vectors)
    assert scores.shape == (count,)
    assert np.allclose(scores, (vectors @ query.T).max(axis=1), atol=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 8, 12, 24, 64, 100])
def test_equal_vectors_score_equally_to_the_last_bit_wherever_they_lie(dim: int) -> None:
    rng = np.random.default_rng(dim)
    vectors = rng.standard_normal((300, dim)).astype(np.float32)
    vectors[3::7] = vectors[0]
    scores = scores_of(rng.standard_normal((2, dim)).astype(np.float32), vectors)
    assert len(set(scores[3::7].tolist())) == 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.integers(-30, 30), max_size=80), st.integers(1, 20))
def test_the_highest_come_with_all_that_tie_with_the_last(values: list[int], k: int) -> None:
    scores = np.array(values, dtype=np.float32)
    places = highest(scores, k).tolist()
    assert len(set(places)) == len(places)
    expected = sorted(values, reverse=True)
    assert [values[place] for place in places] == expected[: len(places)]
    left = expected[len(places) :]
    assert not left or (len(places) >= k and left[0] < values[places[k - 1]])
