"""The network does what the equations say."""

import math

import pytest
import torch

from trainer.config import Config
from trainer.network import (
    Candidates,
    CoupleEncoder,
    FrequencyEncoder,
    MemoryTree,
    NegativeQueue,
    TagTable,
    WeightedAggregation,
    contrastive_loss,
    mean_tags,
    srip_penalty,
)
from trainer.towers import TwoTowers

TINY = ("dim=8", "heads=2", "tree=4,16", "leaves=4", "dropout=0", "tag_dropout=0")


@pytest.fixture
def tiny() -> Config:
    """A small network without dropout."""
    torch.manual_seed(0)
    return Config.with_overrides(TINY)


def histories() -> torch.Tensor:
    """Three users [3, 2, 3]: nobody, one item, two items."""
    return torch.tensor([[[0, 0, 0]] * 2, [[1, 2, 0], [0, 0, 0]], [[3, 0, 0], [4, 5, 6]]])


def test_an_item_is_the_mean_of_its_tags(tiny: Config) -> None:
    """Eq. 1, padding left out, in training and in inference alike."""
    table = TagTable(9, tiny)
    tags = torch.tensor([[1, 2, 0], [3, 0, 0], [0, 0, 0]])
    expected = torch.stack([table.weight[[1, 2]].mean(0), table.weight[3], torch.zeros(8)])
    for mode in (True, False):
        found = mean_tags(tags, table.train(mode).real(tags), table.weight)
        torch.testing.assert_close(found, expected)


def test_tag_dropout_never_takes_all_tags_of_an_item() -> None:
    """An item keeps all its tags rather than none."""
    table = TagTable(9, Config.with_overrides(["dim=8", "heads=2", "tag_dropout=0.9"]))
    tags = torch.randint(0, 9, (500, 3))
    real = table.train().real(tags)
    assert (real.any(1) == (tags > 0).any(1)).all()
    assert real.sum() < (tags > 0).sum()


def test_aggregation_is_a_weighted_mean_of_what_is_real(tiny: Config) -> None:
    """Eq. 4: a single real vector comes back as it is, whatever padding holds."""
    vectors = torch.randn(1, 3, 8)
    found = WeightedAggregation(8)(vectors, torch.tensor([[False, True, False]]))
    torch.testing.assert_close(found[0], vectors[0, 1])


def test_a_repeated_tag_weighs_twice(tiny: Config) -> None:
    """Eq. 5 over all places of a tag, in training, in inference and frozen alike."""
    encoder, table = FrequencyEncoder(tiny), TagTable(9, tiny)
    history, tags = torch.randn(1, 8), torch.tensor([[1, 1, 2]])
    power = torch.exp(torch.tanh(encoder.hidden(table.weight)) @ history[0])
    share = 2 * power[1] / (2 * power[1] + power[2])
    expected = share * table.weight[1] + (1 - share) * table.weight[2]
    for mode in (True, False):
        found = encoder.train(mode)(history, table.weight, tags, tags > 0)
        torch.testing.assert_close(found[0], expected)
    encoder.freeze(table.weight)
    torch.testing.assert_close(encoder(history, table.weight, tags, tags > 0)[0], expected)


@pytest.mark.parametrize("routing", ["dot", "cosine"])
def test_each_layer_of_the_tree_sums_to_one(routing: str) -> None:
    """Eq. 6: and a parent's weight is the sum of its children's."""
    tree = MemoryTree(Config.with_overrides([*TINY, f"routing={routing}"]))
    upper, lower = tree.weights(torch.randn(5, 8))
    torch.testing.assert_close(upper.sum(1), torch.ones(5))
    torch.testing.assert_close(lower.view(5, 4, 4).sum(2), upper)


def test_inference_takes_the_top_leaves(tiny: Config) -> None:
    """Eq. 8: weights of the K heaviest leaves, renormalised, times their slots."""
    tree = MemoryTree(tiny)
    weights = torch.zeros(1, 16)
    weights[0, [2, 7]] = torch.tensor([0.6, 0.2])
    expected = 0.75 * tree.layers[-1][2] + 0.25 * tree.layers[-1][7]
    torch.testing.assert_close(tree(weights)[0], expected)


def test_a_high_temperature_draws_other_leaves(tiny: Config) -> None:
    """Eq. 7: noise explores in training; without a temperature there is none."""
    tree, weights = MemoryTree(tiny), torch.softmax(torch.randn(1, 16), 1)
    assert not torch.equal(tree(weights, 20.0), tree(weights, 20.0))
    assert torch.equal(tree(weights), tree(weights))


def test_srip_is_the_spectral_norm() -> None:
    """Eq. 9-10: zero for orthonormal columns; near the true norm otherwise."""
    seed = torch.randn(64, generator=torch.Generator().manual_seed(0))
    orthogonal = torch.linalg.qr(torch.randn(16, 8)).Q
    assert srip_penalty(orthogonal, "columns", 4, seed) < 1e-4
    nodes = torch.randn(16, 8)
    true = torch.linalg.matrix_norm(nodes.T @ nodes - torch.eye(8), 2)
    assert 0.7 * true < srip_penalty(nodes, "columns", 4, seed) <= 1.001 * true
    children = torch.linalg.qr(torch.randn(4, 8, 4)).Q.transpose(1, 2).reshape(16, 8)
    assert srip_penalty(children, "children", 4, seed) < 1e-4


def test_each_round_of_power_iteration_comes_closer() -> None:
    """Eq. 10, from below, to the largest singular value of WᵀW - I."""
    generator = torch.Generator().manual_seed(1)
    nodes, seed = (torch.randn(*s, generator=generator) for s in ((32, 16), (64,)))
    true = torch.linalg.matrix_norm(nodes.T @ nodes - torch.eye(16), 2).item()
    found = [srip_penalty(nodes, "columns", 1, seed, rounds).item() for rounds in (1, 2, 8)]
    assert found[0] < found[1] < found[2] <= true * 1.0001
    assert found[2] == pytest.approx(true, rel=0.02)


def test_aggregation_is_eq_4_with_its_matrix_the_right_way_round() -> None:
    """d_k = e_kᵀ M e_m, which a transposed M would not give."""
    torch.manual_seed(0)
    found, vectors = WeightedAggregation(8), torch.randn(3, 4, 8)
    torch.nn.init.normal_(found.matrix)
    for row, user in zip(found(vectors), vectors, strict=True):
        agree = torch.stack([e @ found.matrix @ user.mean(0) for e in user])
        torch.testing.assert_close(row, torch.softmax(agree, 0) @ user)


def test_a_low_temperature_sticks_to_the_true_leaf() -> None:
    """Eq. 7: drawn as often as its weight says, and nearly alone."""
    torch.manual_seed(0)
    tree = MemoryTree(Config.with_overrides([*TINY, "leaves=1", "renormalise=false"]))
    weights = torch.full((4000, 16), 0.2 / 15)
    weights[:, 5] = 0.8
    drawn = tree(weights, tau=0.01)
    same = torch.isclose(drawn, tree.layers[-1][5], atol=1e-3).all(1).float().mean()
    assert same.item() == pytest.approx(0.8, abs=0.03)


def test_the_correction_is_taken_off_the_logits() -> None:
    """A popular negative weighs less: the sign of log-Q."""
    user = torch.tensor([[1.0, 0.0]])
    positive = Candidates(user, torch.tensor([7]), torch.zeros(1))
    popular, rare = (
        contrastive_loss(user, positive, Candidates(user, torch.tensor([8]), q), 0.5)
        for q in (torch.tensor([-1.0]), torch.tensor([-9.0]))
    )
    assert popular < rare


def test_the_queue_is_first_in_first_out() -> None:
    """The oldest batch is overwritten; what was never filled has id -1."""
    queue = NegativeQueue(4, 1)
    for step in range(3):
        queue.push(torch.full((2, 1), float(step)), torch.tensor([2 * step, 2 * step + 1]))
    assert queue.ids.tolist() == [4, 5, 2, 3]
    assert queue.vectors[:, 0].tolist() == [2, 2, 1, 1]
    with pytest.raises(ValueError, match="no multiple"):
        queue.push(torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64))


def test_the_loss_masks_the_positive_and_empty_places() -> None:
    """Eq. 12 by hand: only the negative that is another item counts."""
    user = torch.tensor([[1.0, 0.0]])
    positive = Candidates(torch.tensor([[1.0, 0.0]]), torch.tensor([7]), torch.zeros(1))
    vectors, ids = torch.tensor([[1.0, 0.0], [9.0, 0.0], [0.5, 0.0]]), torch.tensor([7, -1, 8])
    loss = contrastive_loss(user, positive, Candidates(vectors, ids, torch.zeros(3)), 0.5)
    assert loss.item() == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + math.exp(1))))


@pytest.mark.parametrize("recipe", ["default", "paper"])
@pytest.mark.parametrize("aggregate", ["positions", "heads"])
def test_user_vectors_are_finite_and_of_length_one(recipe: str, aggregate: str) -> None:
    """Also for an empty history, alone in its batch or not."""
    torch.manual_seed(0)
    config = Config.with_overrides([*TINY, f"recipe={recipe}", f"aggregate={aggregate}"])
    network = TwoTowers(9, 2, config).eval()
    found = network.user(histories())
    torch.testing.assert_close(found.norm(dim=2), torch.ones(3, 1))
    torch.testing.assert_close(network.user(torch.zeros(1, 1, 1, dtype=torch.int64))[0], found[0])


def test_parts_are_there_when_they_are_switched_on() -> None:
    """Table 5: content and group are the second and the third part, each can be left out."""
    torch.manual_seed(0)
    found = {}
    for off in ("", "content", "group"):
        settings = [*TINY, f"{off}=false"] if off else TINY
        network = TwoTowers(9, 2, Config.with_overrides(settings)).eval()
        seen, _ = network.seen(histories(), network.tags.weight)
        encoder = network.encoder
        assert isinstance(encoder, CoupleEncoder)
        parts, nodes = encoder.parts(seen)
        found[off] = (len(parts), len(nodes))
        assert network.user(histories()).isfinite().all()
    assert found == {"": (3, 2), "content": (2, 2), "group": (2, 0)}


def test_penalties_are_of_training_alone(tiny: Config) -> None:
    """SRIP and the balance of leaves: a served user vector costs neither."""
    network = TwoTowers(9, 2, tiny)
    penalties = [
        network.train(mode).encode_users(histories(), network.tags.weight).penalty.item()
        for mode in (True, False)
    ]
    assert penalties[0] > 0
    assert penalties[1] == 0
