"""What all networks share: the item tower, the residual, unit length, and what padding may not do.

Shapes: B batch, L items, N tags, M items by id, D dim, F factors, I interests.
"""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from trainer.config import Config
from trainer.factors import Factors
from trainer.learner import nearest_interest
from trainer.network import Candidates, contrastive_loss
from trainer.towers import NETWORKS, TwoTowers

TINY = (
    "dim=8", "heads=2", "tree=4,16", "leaves=4", "dropout=0", "tag_dropout=0", "factors=5",
    "lexical=4", "interests=3",
)  # fmt: skip
TAGS, DOMAINS, KNOWN = 9, 2, 6
EVERY = pytest.mark.parametrize("model", NETWORKS)


def towers(model: str = "couple", *settings: str, factors: bool = True) -> TwoTowers:
    """As served, with made-up factors; what starts at zero is moved away from it."""
    torch.manual_seed(0)
    config = Config.with_overrides([*TINY, f"model={model}", *settings])
    network = TwoTowers(TAGS, DOMAINS, config)
    if factors and config.factors:
        network.factors = Factors(KNOWN, TAGS, config)
        network.factors.factors[1:].normal_()
        network.factors.lexical[1:].normal_()
        network.factors.anchors.copy_(torch.nn.functional.normalize(torch.randn(KNOWN, 12)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return network.eval()


def histories() -> tuple[Tensor, Tensor]:
    """Three users, [3, 2, 3] and [3, 3]: nobody, one item, two items and one without tags."""
    tags = torch.tensor([[[0, 0, 0]] * 2, [[1, 2, 0], [0, 0, 0]], [[3, 0, 0], [4, 5, 6]]])
    return tags, torch.tensor([[0, 0, 0], [4, 0, 0], [0, 2, 6]])


@EVERY
@pytest.mark.parametrize("factors", [True, False])
def test_served_vectors_have_length_one(model: str, factors: bool) -> None:
    """Users with and without a history, items; D is 8, and 14 with five factors and one more."""
    network = towers(model, factors=factors)
    users = network.user(*histories())
    items = network.item(torch.tensor([[1, 2], [3, 0]]))
    assert network.dim == (14 if factors else 8)
    assert users.shape == (3, network.interests, network.dim)
    assert items.shape == (2, network.dim)
    torch.testing.assert_close(users.norm(dim=2), torch.ones(users.shape[:2]))
    torch.testing.assert_close(items.norm(dim=1), torch.ones(2))


@EVERY
def test_padding_changes_nothing(model: str) -> None:
    """Wider arrays of the same history give the same vectors, in L, in N and in M."""
    network, (tags, items) = towers(model), histories()
    found = network.user(tags, items)
    for wide in (pad(tags, (0, 2)), pad(tags, (0, 0, 0, 3)), pad(tags, (0, 1, 0, 1))):
        torch.testing.assert_close(network.user(wide, items), found)
    torch.testing.assert_close(network.user(tags, pad(items, (0, 4))), found)
    torch.testing.assert_close(
        network.item(pad(tags[:, 0], (0, 3))), network.item(tags[:, 0]), rtol=0, atol=1e-6
    )


@EVERY
def test_a_user_does_not_depend_on_the_others_of_a_batch(model: str) -> None:
    """One by one or together: the service batches as requests come."""
    network, (tags, items) = towers(model), histories()
    alone = [network.user(tags[row : row + 1], items[row : row + 1]) for row in range(len(tags))]
    torch.testing.assert_close(torch.cat(alone), network.user(tags, items))


@pytest.mark.parametrize("factors", [True, False])
def test_an_item_without_tags_is_exactly_zero(factors: bool) -> None:
    """The contract of a bundle, with factors too."""
    found = towers(factors=factors).item(torch.tensor([[0, 0], [1, 0]]))
    assert not found[0].any()
    assert found[1].norm().item() == pytest.approx(1)


def test_a_user_tower_without_item_ids_knows_no_item() -> None:
    """No second input is the same as unknown items alone."""
    network, (tags, items) = towers(), histories()
    torch.testing.assert_close(network.user(tags), network.user(tags, torch.zeros_like(items)))
    assert not torch.allclose(network.user(tags)[1:], network.user(tags, items)[1:])


def test_the_residual_is_the_mean_of_the_items() -> None:
    """With the encoder silenced, a user is the mean of their items' unit vectors."""
    network, (tags, _) = towers("couple", "residual=true", factors=False), histories()
    assert network.gate is not None
    with torch.no_grad():
        network.gate.fill_(0.0)
    items = network.item(tags[2])
    expected = torch.nn.functional.normalize(items.mean(0), dim=0)
    torch.testing.assert_close(network.user(tags)[2, 0], expected)
    assert towers(factors=False).gate is None


def test_a_domain_vector_shifts_training_and_never_serving() -> None:
    """Served users are those whose domains are hidden; the residual has no domains at all."""
    network = towers(factors=False)
    tags, table = torch.tensor([[[1, 2]], [[3, 0]]]), network.tags.weight
    hidden = torch.full((2, 1), DOMAINS)
    shown = network.encode_users(tags, table, torch.zeros_like(hidden)).users_BID
    found = network.encode_users(tags, table, hidden).users_BID
    torch.testing.assert_close(found, network.user(tags))
    assert not torch.allclose(shown, found)
    without = towers("couple", "domain_vectors=false", factors=False)
    still = without.encode_users(tags, without.tags.weight, torch.zeros_like(hidden)).users_BID
    torch.testing.assert_close(still, without.user(tags))


def test_a_part_of_the_tag_table_gives_what_the_whole_does() -> None:
    """Training gathers a batch's rows into a small table; places in it stand for tags."""
    network, (tags, _) = towers(factors=False), histories()
    rows, places = torch.unique(tags, return_inverse=True)
    small = network.tags.weight[rows]
    torch.testing.assert_close(network.encode_users(places, small).users_BID, network.user(tags))
    torch.testing.assert_close(network.encode_items(places[:, 0], small), network.item(tags[:, 0]))


@EVERY
def test_freezing_changes_nothing(model: str) -> None:
    """It saves work alone."""
    network, given = towers(model), histories()
    before = network.user(*given)
    network.freeze()
    torch.testing.assert_close(network.user(*given), before)


@EVERY
def test_gradient_reaches_every_parameter(model: str) -> None:
    """Dead parts would train in silence."""
    network = towers(model, "tag_dropout=0.2", factors=False).train()
    tags, domains = histories()[0], torch.tensor([[2, 2], [0, 2], [0, 1]])
    table = network.tags.weight
    users, penalty = network.encode_users(tags, table, domains, tau=1.0)
    items = network.encode_items(torch.tensor([[7, 8], [1, 2], [3, 9]]), table)
    candidates = Candidates(items, torch.arange(3), torch.zeros(3))
    loss = contrastive_loss(nearest_interest(users, items), candidates, candidates, 0.1)
    (loss + penalty).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_of_several_interests_the_nearest_is_trained() -> None:
    """ComiRec's hard selection; a single one is always that."""
    users = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    positive = torch.tensor([[0.1, 0.9], [0.8, 0.3]])
    assert nearest_interest(users, positive).tolist() == [[0, 1], [1, 0]]
    assert nearest_interest(users[:, :1], positive).tolist() == [[1, 0], [1, 0]]
