"""What a training step feeds the network, and what it does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bundle import Vocabulary
from tests.trainer.conftest import SMALL, learner
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.errors import ConfigError, DataError
from trainer.evaluation import trial
from trainer.learner import Learner, learning_rate, temperature
from trainer.leaves import leaf_usage
from trainer.network import CoupleEncoder
from trainer.sequences import Sequences
from trainer.train import train, training_tags


@pytest.mark.parametrize("negatives", ["batch", "queue", "reencoded"])
def test_the_loss_falls(data: Path, negatives: str) -> None:
    """With each kind of negatives."""
    found = learner(data, f"negatives={negatives}", "epochs=4", "queue_batches=4")
    losses = [found.step(step) for step in range(found.examples.steps)]
    settled = losses[4:]  # the queue fills during the first steps, which makes them easy
    third = len(settled) // 3
    assert sum(settled[-third:]) < 0.97 * sum(settled[:third])


def test_the_same_seed_gives_the_same_losses(data: Path) -> None:
    """Another seed gives others."""
    losses = [[learner(data, f"seed={s}").step(n) for n in (0, 1)] for s in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_two_threads_give_the_same_bits_every_time(data: Path) -> None:
    """Gradients that threads add up in the order they finish would differ from run to run."""
    torch.set_num_threads(2)

    def weights() -> list[bytes]:
        found = learner(data, "batch=512", "dim=64", "max_tags=15", "tag_init=random")
        found.step(0)
        return [p.detach().numpy().tobytes() for p in found.network.parameters()]

    first = weights()
    assert all(weights() == first for _ in range(2))


def test_queued_vectors_are_detached_and_reencoded_ones_are_not(data: Path) -> None:
    """The paper's queue pushes no item away; encoding it again does."""
    found = learner(data, "negatives=queue", "queue_batches=2")
    found.step(0)
    assert not found.queue.vectors.requires_grad
    assert (found.queue.ids >= 0).sum() == found.examples.batch_size
    again = learner(data, "negatives=reencoded", "queue_batches=2")
    again.step(0)
    assert torch.equal(again.queue.ids, found.queue.ids)
    assert np.isfinite(again.step(1))


def test_a_step_moves_only_the_tags_it_meets(data: Path) -> None:
    """Rows of others, and of padding, keep every bit: a step costs the same for any vocabulary."""
    found = learner(data, "batch=2", "tag_dropout=0", "empty=0", "lr=0.1", "warmup=0")
    before = found.network.tags.weight.detach().clone()
    batch = found.examples.batch(0)
    items = {*batch.positive.tolist(), *batch.history[batch.history >= 0].tolist()}
    dataset = read(data)
    tags = training_tags(trial(dataset, found.config), found.config)
    met = {row for item in items for row in tags.ids(dataset.tags[item])}
    found.step(0)
    moved = (found.network.tags.weight != before).any(1).nonzero().flatten().tolist()
    assert 0 < len(met) < len(before) - 1
    assert set(moved) == met


def test_the_first_step_is_that_of_dense_adam(data: Path) -> None:
    """Rows of a small table or the whole one: the same gradient, the same length of step."""
    found = learner(data, "dropout=0", "lr=0.1", "warmup=10")
    before = found.network.tags.weight.detach().clone()
    found.step(0)
    moved = (found.network.tags.weight.detach() - before).abs()
    # At its first step Adam moves every number by the rate of that step, whatever the gradient.
    touched = moved.any(1)
    assert touched.any()
    assert moved[touched].median().item() == pytest.approx(0.01, rel=1e-3)
    assert moved.max().item() <= 0.01 * 1.001


@pytest.mark.parametrize("over", ["columns", "rows", "children"])
def test_the_orthogonality_penalty_makes_nodes_more_orthogonal(data: Path, over: str) -> None:
    """Alone, each reading of it falls."""
    network = learner(data, f"srip_over={over}", "srip=1", "balance=0").network.train()
    encoder, tags = network.encoder, torch.tensor([[[1, 2]]])
    assert isinstance(encoder, CoupleEncoder)
    assert encoder.group is not None
    adam = torch.optim.Adam(encoder.group.parameters(), lr=0.05)
    seen, _ = network.seen(tags, network.tags.weight)
    start = encoder(seen).penalty.item()
    for _ in range(20):
        adam.zero_grad()
        encoder(seen).penalty.backward(retain_graph=True)
        adam.step()
    assert encoder(seen).penalty.item() < 0.8 * start


def test_the_default_tree_is_alive(data: Path, checkpoint: Path) -> None:
    """A tree of 16 leaves does not fall into one group, even in a minute's training."""
    found, dataset = open_checkpoint(checkpoint), read(data)
    histories = [dataset.sequences[u] for u in range(len(dataset.sequences))]
    usage = leaf_usage(found.network, found.vocabulary, dataset, found.config, histories)
    assert usage.leaves == 16
    assert usage.used >= 4
    assert 2 < usage.perplexity <= usage.used


def test_a_model_without_a_tree_has_no_leaves(data: Path) -> None:
    """Nor has COUPLE without its group preference."""
    dataset = read(data)
    for settings in (("model=sasrec",), ("group=false",)):
        found = learner(data, *settings)
        tags = training_tags(trial(dataset, found.config), found.config)
        with pytest.raises(ConfigError, match="has no memory tree"):
            leaf_usage(found.network.eval(), tags, dataset, found.config, [dataset.sequences[0]])


@pytest.mark.parametrize("init", ["ppmi", "mixed"])
def test_tags_that_nobody_met_beside_others_are_learned_too(data: Path, init: str) -> None:
    """They start at no zero vector, whose gradient would stop them for good."""
    config = Config.with_overrides([*SMALL, f"tag_init={init}", "min_tag_count=1"])
    held = trial(read(data), config)
    (row,) = [u for u in range(len(held.split.train)) if len(held.split.train[u]) > 3][:1]
    alone = held.split.train[row][:1]
    tags = list(held.dataset.tags)
    tags[alone[0]] = ("alone",)
    rows = [held.split.train[u] for u in range(len(held.split.train))]
    rows = [r[r != alone[0]] for r in rows] + [alone] * 5
    changed = replace(held.dataset, tags=tuple(tags))
    split = replace(held.split, train=Sequences.of(rows))
    vocabulary = Vocabulary(sorted({tag for some in tags for tag in some}))
    found = Learner(changed, split, vocabulary, config)
    (number,) = vocabulary.ids(["alone"])
    lengths = found.network.tags.weight.detach()[1:].norm(dim=1)
    assert lengths.min() > 0.01
    assert lengths[number - 1] < 0.3
    steps = found.examples.steps_per_epoch
    assert all(found.step(step) < 100 for step in range(steps))
    assert found.state(steps)["rows.exp_avg_sq"].max() < 1e6


@pytest.mark.parametrize("init", ["ppmi", "mixed", "random"])
def test_a_scale_changes_how_long_tags_start_and_nothing_else(data: Path, init: str) -> None:
    """Directions stay, and so does every other parameter."""
    plain, scaled = (
        dict(learner(data, f"tag_init={init}", f"tag_scale={s}").network.named_parameters())
        for s in ("one", "idf")
    )
    before, after = plain.pop("tags.weight")[1:], scaled.pop("tags.weight")[1:]
    times = after.norm(dim=1) / before.norm(dim=1)
    assert torch.allclose(before * times.unsqueeze(1), after, atol=1e-6)
    assert times.max() > 1.1 * times.min()
    assert all(torch.equal(tensor, scaled[name]) for name, tensor in plain.items())


def test_nothing_to_learn_from_is_said(data: Path) -> None:
    """No item of the training data has a known tag."""
    config = Config.with_overrides(SMALL)
    held = trial(read(data), config)
    with pytest.raises(DataError, match="has a known tag"):
        Learner(held.dataset, held.split, Vocabulary(["nobody's tag"]), config)


def test_progress_shows_loss_and_speed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal, unless it is switched off."""
    config = Config.with_overrides([*SMALL, "epochs=0.5"])
    train(data, tmp_path / "loud", config)
    said = capsys.readouterr().out
    assert "loss" in said
    assert "examples/s" in said
    train(data, tmp_path / "quiet", config, progress=False)
    assert capsys.readouterr().out == ""


def test_threads_and_saving_may_change_between_runs(
    data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """They say how a run is done, not where it ends."""
    config = Config.with_overrides([*SMALL, "threads=2", "save_every_s=9"])
    train(data, checkpoint, config, progress=False)


def test_items_without_a_known_tag_are_not_learned_from(data: Path) -> None:
    """As the service leaves them out; else they are positives of zeros and holes in histories."""
    config = Config.with_overrides([*SMALL, "empty=0"])
    held = trial(read(data), config)
    tagless = held.training_items[::3]
    tags = list(held.dataset.tags)
    for item in tagless:
        tags[item] = ("seen nowhere else",)
    changed = replace(held.dataset, tags=tuple(tags))
    found = Learner(changed, held.split, training_tags(held, config), config)
    for step in range(found.examples.steps_per_epoch):
        batch = found.examples.batch(step)
        assert not np.isin(batch.positive, tagless).any()
        assert not np.isin(batch.history, tagless).any()


def test_schedules() -> None:
    """Warm-up then decay; temperatures as printed and by fraction."""
    config = Config.with_overrides(["lr=1", "warmup=10"])
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert rates[99] == pytest.approx(0.01)
    assert temperature(config, 0, 100) == 20
    assert temperature(config, 100, 100) == pytest.approx(config.tau_floor)
    paper = Config.with_overrides(["recipe=paper"])
    assert temperature(paper, 999, 9999) == 20
    assert temperature(paper, 10**6, 10**6) == 1
