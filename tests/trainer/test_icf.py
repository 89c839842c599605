"""ICF*: what was chosen together, carried to items that nobody has chosen yet."""

import numpy as np
import pytest

from trainer import icf
from trainer.icf import FACTORS, Neighbours, cooccurrence, cooccurrence_factors, recent
from trainer.sequences import Numbers, Sequences
from trainer.tfidf import TfIdf, tag_weights


def made(users: int = 300, items: int = 40) -> tuple[Sequences, Numbers]:
    """Users who stay with the even or the odd items."""
    rng = np.random.default_rng(0)
    rows = [2 * rng.permutation(items // 2)[:6] + user % 2 for user in range(users)]
    train = Sequences.of(rows)
    return train, np.unique(train.items)


def test_items_of_the_same_users_belong_together() -> None:
    """By hand: 1 / log(2 + length) for every user who has both, damped on both sides."""
    train, known = Sequences.of([[3, 5], [3, 5, 9]]), np.array([3, 5, 9])
    found = cooccurrence(train, known).toarray()
    twice, once = (2 + 20) ** -0.5, (1 + 20) ** -0.5
    both = 1 / np.log(4) + 1 / np.log(5)
    assert found[0, 1] == pytest.approx(both * twice * twice, rel=1e-5)
    assert found[0, 2] == pytest.approx(once * twice / np.log(5), rel=1e-5)
    assert found == pytest.approx(found.T)
    assert not found.diagonal().any()


def test_popular_items_do_not_crowd_out_the_rest() -> None:
    """An item that everybody has says less of its company than one that few have."""
    rows = [[0, 1, 2]] * 5 + [[0, 9 + user] for user in range(200)]
    found = cooccurrence(Sequences.of(rows), np.arange(209)).toarray()
    assert found[1, 2] > 2 * found[1, 0]


def test_chunks_and_pruning_keep_the_strongest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; what is kept is unchanged."""
    train, known = made()
    whole = cooccurrence(train, known).toarray()
    monkeypatch.setattr(icf, "ROWS", 7)
    assert cooccurrence(train, known).toarray() == pytest.approx(whole)
    monkeypatch.setattr(icf, "KEPT", 5)
    pruned = cooccurrence(train, known).toarray()
    assert ((pruned > 0).sum(axis=1) == 5).all()
    assert pruned.max(axis=1) == pytest.approx(whole.max(axis=1))


def test_a_user_of_thousands_counts_by_their_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one robot would be most of the pairs."""
    monkeypatch.setattr(icf, "LONGEST", 2)
    found = cooccurrence(Sequences.of([[0, 1, 2]]), np.arange(3)).toarray()
    assert found[1, 2] > 0
    assert not found[0].any()


def test_factors_are_leading_eigenvectors_of_the_same_without_the_diagonal() -> None:
    """Against numpy on the matrix itself, up to sign and the solver's tolerance."""
    train, known = made()
    has = np.zeros((len(train), len(known)))
    for user in range(len(train)):
        has[user, train[user]] = 1
    scale = (has.sum(axis=0) + 5) ** -0.5
    matrix = scale[:, None] * (has.T @ (has / 6)) * scale
    np.fill_diagonal(matrix, 0)
    values = np.linalg.eigvalsh(matrix)[::-1]
    lengths = np.sort(np.linalg.norm(cooccurrence_factors(train, known), axis=0))[::-1]
    assert lengths[:2] == pytest.approx(values[:2] ** 0.7, rel=1e-3)
    assert cooccurrence_factors(train, known).shape == (40, FACTORS)


def test_factors_of_next_to_nothing_are_zeros() -> None:
    """Rather than an error of the solver."""
    assert not cooccurrence_factors(Sequences.of([[4]]), np.array([4])).any()
    assert np.isfinite(cooccurrence_factors(Sequences.of([[4, 6]]), np.array([4, 6]))).all()


def test_neighbours_share_tags_and_weigh_one_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest, and none for an item whose tags nobody knows."""
    tags = [[1], [1, 2], [3], [1, 2], [4]]
    near = Neighbours(TfIdf(tags, tag_weights(tags, np.arange(3))), np.arange(3), 1.5)
    monkeypatch.setattr(icf, "NEIGHBOURS", 2)
    weights = near.weights(np.array([3, 4, 1])).toarray()
    assert weights[0].sum() == pytest.approx(1)
    assert weights[0].argmax() == 1
    assert weights[0, 2] == 0
    assert not weights[1].any()
    assert weights[2] == pytest.approx(weights[0]), "the same tags, the same neighbours"
    assert near.weights(np.zeros(0, np.int64)).shape == (0, 3)


def test_a_history_counts_its_known_items_the_newest_most() -> None:
    """Unknown items are passed over, but age all the same."""
    rows = recent([np.array([2, 7, 4]), np.zeros(0, np.int64)], np.array([2, 4])).toarray()
    assert rows == pytest.approx(np.array([[0.95**2, 1.0], [0.0, 0.0]]))
