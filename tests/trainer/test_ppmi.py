"""Where tag vectors start: what follows each other is close, what is never seen is zero."""

import numpy as np
import pytest

from trainer.ppmi import lengths, mixed_vectors, tag_vectors
from trainer.sequences import Sequences


def test_tags_of_one_taste_start_close_together() -> None:
    """PPMI vectors: tags that follow each other agree, others do not; padding is zero."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 4, 6) + 4 * (u % 2) for u in range(200)]
    vectors = tag_vectors(Sequences.of(rows), [[i + 1] for i in range(8)], 8, 4)
    unit = vectors[1:] / np.linalg.norm(vectors[1:], axis=1, keepdims=True)
    agree = unit @ unit.T
    assert agree[:4, :4].min() > agree[:4, 4:].max() + 0.5
    assert not vectors[0].any()
    assert (vectors**2).sum() == pytest.approx(8, rel=1e-3)


def test_mixed_vectors_keep_what_ppmi_blurs() -> None:
    """Two tags of one taste stay apart where no item has both."""
    rng = np.random.default_rng(0)
    rows = Sequences.of([rng.integers(0, 4, 6) + 4 * (u % 2) for u in range(200)])
    tags = [[i + 1] for i in range(8)]
    plain, mixed = tag_vectors(rows, tags, 8, 4), mixed_vectors(rows, tags, 8, 12, lsa=1.0)
    assert mixed.shape == (9, 12)
    cosines = [
        float(v[1] @ v[2] / np.linalg.norm(v[1]) / np.linalg.norm(v[2])) for v in (plain, mixed)
    ]
    assert cosines[1] < cosines[0] - 0.2
    assert not mixed[0].any()


def test_the_rarer_a_tag_the_longer() -> None:
    """Over the items that training sees; the mean square of all lengths is 1."""
    train = Sequences.of([[0, 1], [2, 0]])
    found = lengths(train, [[1, 2], [1, 2], [1, 3], [3, 4]], 4)
    assert found[1] < found[2] < found[3] == found[4]  # item 3, with tag 4, is in nobody's history
    assert found[3] / found[1] == pytest.approx(np.log(3) + 1)
    assert (found[1:] ** 2).mean() == pytest.approx(1)


def test_nothing_seen_together_gives_zeros() -> None:
    """Rather than an error of the decomposition."""
    assert not tag_vectors(Sequences.of([[0], []]), [[], []], 3, 2).any()
