"""Factors say what users chose together, go over to new items, and join the network's vectors.

Shapes: B batch, M item ids, N tags, D dim, S lexical dim, F factors, I interests, W known items,
T tags, V items.
"""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize, pad

from trainer.config import Config
from trainer.factors import Factors, Known, fit_factors, known_items
from trainer.icf import SMOOTHING_OF_FACTORS, SPECTRUM, cooccurrence_factors
from trainer.sequences import Sequences

D, S, F, W, T = 8, 4, 5, 12, 30


def config(*settings: str) -> Config:
    return Config.with_overrides(["dim=8", "heads=2", f"factors={F}", f"lexical={S}", *settings])


def block(*settings: str) -> Factors:
    """Made-up factors of W known items."""
    generator = torch.Generator().manual_seed(0)
    found = Factors(W, T, config(*settings))
    found.lexical[1:] = torch.randn(T, S, generator=generator)
    found.anchors.copy_(normalize(torch.randn(W, D + S, generator=generator)))
    found.factors[1:] = torch.randn(W, F, generator=generator)
    found.loud.fill_(1.7)
    return found


def units(*shape: int) -> Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(1)), dim=-1)


def tags(items: int) -> Tensor:
    """Two tags an item: [V, 2]."""
    return torch.randint(1, T + 1, (items, 2), generator=torch.Generator().manual_seed(3))


def rows(users: int = 60, items: int = W) -> Sequences:
    """Users who stay among the even or the odd items; item 0 is everybody's."""
    rng = np.random.default_rng(0)
    taste = [np.arange(user % 2, items, 2) for user in range(users)]
    chosen = [rng.permutation(t)[: rng.integers(1, 5)] for t in taste]
    return Sequences.of([np.unique(np.append(row, 0)) for row in chosen])


def matrix(train: Sequences, known: int) -> NDArray[np.float64]:
    """What is factored, written the obvious way: [W, W]."""
    found, counts = np.zeros((known, known)), train.counts(known)
    for row in map(train.__getitem__, range(len(train))):
        found[np.ix_(row, row)] += 1 / len(row)
    np.fill_diagonal(found, 0.0)
    scale = 1 / np.sqrt(counts + SMOOTHING_OF_FACTORS)
    scaled: NDArray[np.float64] = scale[:, None] * found * scale
    return scaled


def powered(values: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix of these eigenvectors, its values bent as the factors bend them: [W, W]."""
    bent: NDArray[np.float64] = (vectors * np.maximum(values, 0) ** (2 * SPECTRUM)) @ vectors.T
    return bent


@pytest.mark.parametrize("size", [3, 3 * W])
def test_factors_reproduce_the_matrix(size: int) -> None:
    """Its strongest directions, all there are where there is room; zeros where they run out."""
    found = cooccurrence_factors(rows(), np.arange(W), size)
    values, vectors = np.linalg.eigh(matrix(rows(), W))
    assert found.shape == (W, size)
    assert not found[:, W - 1 :].any()
    expected = powered(values[-size:], vectors[:, -size:])
    np.testing.assert_allclose(found @ found.T, expected, atol=0.02 * expected.max())


def test_known_items_are_the_most_frequent_that_may_be_known() -> None:
    """Of equals the first; in the order of their numbers; what never occurs is not known."""
    train = Sequences.of([[0, 1, 3], [1, 3], [3, 2], [4]])
    sound = np.array([True, True, True, True, False, True])
    assert known_items(train, sound, 9).items.tolist() == [0, 1, 2, 3]
    assert known_items(train, sound, 2).items.tolist() == [1, 3]
    assert known_items(train, sound, 3).items.tolist() == [0, 1, 3]
    assert Known(np.array([1, 3])).numbers(6).tolist() == [0, 1, 0, 2, 0, 0, 0]


@pytest.mark.parametrize("interests", [1, 3])
def test_joining_keeps_the_order_of_the_sum_of_both_scores(interests: int) -> None:
    """The last number makes items equally long; by inner product it weighs nothing.

    Not only the order: a joined score is the sum of both, times one number a user.
    """
    factors, users, items = block(), units(4, interests, D), units(50, D)
    ids = torch.randint(0, W + 1, (4, 6), generator=torch.Generator().manual_seed(2))
    found = factors.join_user(users, ids) @ factors.join_item(items, tags(50)).T
    carried = factors.of_items(factors.look(items, tags(50)))
    both = users @ items.T + (1.7 * factors.of_users(ids) @ carried.T).unsqueeze(1)
    share = found / both
    torch.testing.assert_close(share, share[..., :1].expand_as(share), rtol=1e-3, atol=1e-4)
    assert (share > 0).all()
    assert (found.argsort(-1) == both.argsort(-1)).all()


def test_joined_vectors_have_length_one_and_zero_stays_zero() -> None:
    """Of users always, of items that have a tag."""
    factors, items = block(), units(5, D)
    items[2] = 0.0
    joined = factors.join_item(items, tags(5) * items.any(1, keepdim=True))
    assert joined.shape == (5, D + F + 1)
    assert not joined[2].any()
    torch.testing.assert_close(joined.norm(dim=1), torch.tensor([1.0, 1, 0, 1, 1]))
    users = factors.join_user(units(3, 2, D), torch.tensor([[0], [1], [W]]))
    assert users.shape == (3, 2, D + F + 1)
    torch.testing.assert_close(users.norm(dim=2), torch.ones(3, 2))
    assert not users[..., -1].any()


def test_a_look_mixes_the_network_and_the_tags() -> None:
    """Its inner products are both cosines, each by its share."""
    factors, items = block("lexical_share=0.3"), units(20, D)
    look = factors.look(items, tags(20))
    lexical = normalize(factors.lexical[tags(20)].mean(1))
    torch.testing.assert_close(look @ look.T, 0.7 * items @ items.T + 0.3 * lexical @ lexical.T)


def test_unknown_ids_give_zero_and_the_network_decides() -> None:
    """A user with no known item is ranked by the network alone."""
    factors, users, items = block(), units(2, 1, D), units(30, D)
    unknown = torch.zeros(2, 4, dtype=torch.int64)
    assert not factors.of_users(unknown).any()
    found = factors.join_user(users, unknown) @ factors.join_item(items, tags(30)).T
    assert (found.argsort(-1) == (users @ items.T).argsort(-1)).all()


def test_age_counts_from_the_newest_known_item() -> None:
    """Padding, unknown items and the width of the array move nothing."""
    factors = block("recency=0.5")
    items = torch.tensor([[3, 7]])
    weights = torch.tensor([1 / 3, 2 / 3])
    mean = (weights.unsqueeze(1) * factors.factors[items[0]]).sum(0)
    expected = mean / mean.norm().sqrt()
    for same in (items, pad(items, (0, 5)), pad(items, (2, 1)), torch.tensor([[3, 0, 7, 0]])):
        torch.testing.assert_close(factors.of_users(same)[0], expected)
    assert not torch.allclose(factors.of_users(items.flip(1))[0], expected)


def test_an_item_takes_over_the_factors_of_those_like_it() -> None:
    """A known item under a sharp look has its own; between two, the nearer one's weigh more."""
    factors = block("sharpness=400")
    found = factors.of_items(factors.anchors)
    own = factors.factors[1:]
    expected = own / own.norm(dim=1, keepdim=True).sqrt()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    between = normalize(0.6 * factors.anchors[:1] + 0.4 * factors.anchors[1:2])
    blunt = block("sharpness=5").of_items(between)[0]
    closer = torch.cosine_similarity(blunt, own[:2])
    assert closer[0] > closer[1]


def fitted(train: Sequences, items: int, *settings: str) -> tuple[Factors, Known]:
    """Fit to made-up network vectors."""
    known = known_items(train, np.ones(items, dtype=np.bool_), 99)
    return fit(train, known, items, *settings), known


def fit(train: Sequences, known: Known, items: int, *settings: str) -> Factors:
    histories = [train[u] for u in range(len(train)) if len(train[u]) > 1]
    users = (histories, units(len(histories), 1, D))
    found = Factors(len(known.items), T, config(*settings))
    found.lexical[1:] = units(T, S)
    fit_factors(train, known, found, (units(items, D), tags(items)), users)
    return found


def test_unknown_items_take_no_part() -> None:
    """As if they were not in the data."""
    known, train = np.array([2, 4, 7]), rows()
    found = fit(train, Known(known), W).factors
    without = train.only(np.isin(np.arange(W), known))
    assert torch.equal(found, fit(without, Known(known), W).factors)
    less = Sequences.of([np.searchsorted(known, without[u]) for u in range(len(without))])
    expected = cooccurrence_factors(less, np.arange(3), F)
    torch.testing.assert_close(found[1:], torch.from_numpy(expected).float())


@pytest.mark.parametrize(
    "train",
    [
        rows(),
        Sequences.of([[i] for i in range(W)]),  # nothing was chosen together
        Sequences.of([[2 * i, 2 * i + 1] for i in range(W // 2)]),  # six equal values
        Sequences.of([range(W)] * 4),  # one positive value
    ],
    ids=["tastes", "alone", "pairs", "same"],
)
def test_the_same_data_give_the_same_bits(train: Sequences) -> None:
    """Also where the solver must begin anew from random numbers; a sign is a choice, not chance."""
    first, *others = (fitted(train, W)[0].factors for _ in range(3))
    assert first.isfinite().all()
    assert all(torch.equal(first, other) for other in others)
    assert (first.gather(0, first.abs().argmax(0, keepdim=True)) >= 0).all()


def test_items_chosen_together_score_higher() -> None:
    """Whatever the network's vectors say, which here is nothing."""
    factors, known = fitted(rows(), W)
    place = {item: row for row, item in enumerate(known.items.tolist())}
    users = factors.of_users(torch.tensor([[place[3] + 1, place[5] + 1]]))
    scores = (users @ factors.factors[1:].T)[0]
    odd, even = (scores[[place[i] for i in some]] for some in ((7, 9, 11), (6, 8, 10)))
    assert odd.min() > even.max()


def test_a_block_is_as_loud_as_the_network_or_so_many_times() -> None:
    """Of equal spread at first; what is unknown has no say at any loudness."""
    once, twice = fitted(rows(), W)[0], fitted(rows(), W)[0].louder(2.0)
    assert 0 < once.loud < 100
    torch.testing.assert_close(twice.loud, 2 * once.loud)
    assert not once.factors[0].any()


def test_loudness_is_judged_on_items_as_if_they_were_new() -> None:
    """Each scored by what the others carry to it, block against block without the item."""
    train = rows()
    histories = [train[u] for u in range(len(train)) if len(train[u]) > 1]
    network = units(len(histories), 1, D)
    found, known = fitted(train, W, "sharpness=5")
    mine = []
    for row in range(W):
        others = np.delete(np.arange(W), row)
        less = Factors(W - 1, T, config("sharpness=5"))
        less.anchors.copy_(found.anchors[others])
        less.factors[1:] = found.factors[1:][others]
        mine.append(less.of_items(found.anchors[row : row + 1])[0])
    users = [found.of_users(torch.from_numpy(known.numbers(W)[h])[None])[0] for h in histories]
    spread = (torch.stack(users) @ torch.stack(mine).T).std()
    vectors = units(W, D)[torch.from_numpy(known.items)]
    expected = (network[:, 0] @ vectors.T).std() / spread
    torch.testing.assert_close(found.loud, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("items", [1, 2, 3])
@pytest.mark.parametrize("rarer", [0, 3])
def test_a_tiny_catalogue_is_ranked_by_its_network(items: int, rarer: int) -> None:
    """Fewer items than factors, down to one: finite, and the network is never drowned.

    Items that all count alike have factors that tell nothing apart, and no say.
    """
    train = Sequences.of([range(items)] * 6 + [[0]] * rarer)
    factors, known = fitted(train, items)
    assert len(known.items) == items
    for buffer in factors.buffers():
        assert buffer.isfinite().all()
    if items == 1 or not rarer:
        assert factors.loud == 0
    users, found = units(4, 1, D), units(20, D)
    joined = factors.join_user(users, torch.ones(4, 1, dtype=torch.int64))
    torch.testing.assert_close(joined.norm(dim=2), torch.ones(4, 1))
    assert (joined[..., :D].norm(dim=2) > 0.01).all()
    if items == 1 or not rarer:
        both = joined @ factors.join_item(found, tags(20)).T
        assert (both.argsort(-1) == (users @ found.T).argsort(-1)).all()


def test_users_of_one_item_each_teach_nothing() -> None:
    """Nobody chose two items: the network is left alone."""
    factors, _ = fitted(Sequences.of([[i] for i in range(W)]), W)
    assert factors.loud == 0
    assert not factors.factors.any()
