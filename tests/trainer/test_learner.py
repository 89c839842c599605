"""What a training step feeds the network, and what it does not."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.conftest import SMALL
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.evaluation import trial
from trainer.learner import Learner
from trainer.leaves import leaf_usage
from trainer.train import train, training_tags


def learner(data: Path, *settings: str) -> Learner:
    config = Config.with_overrides([*SMALL, *settings])
    held = trial(read(data), config)
    return Learner(held.dataset, held.split, training_tags(held, config), config)


def test_the_same_seed_gives_the_same_losses(data: Path) -> None:
    """Another seed gives others."""
    losses = [[learner(data, f"seed={s}").step(n) for n in (0, 1)] for s in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_two_threads_give_the_same_bits_every_time(data: Path) -> None:
    """Gradients that threads add up in the order they finish would differ from run to run."""
    torch.set_num_threads(2)

    def weights() -> list[bytes]:
        found = learner(data, "batch=512", "dim=64", "max_tags=15")
        for step in range(3):
            found.step(step)
        return [p.detach().numpy().tobytes() for p in found.network.parameters()]

    first = weights()
    assert all(weights() == first for _ in range(4))


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


def test_a_domain_vector_shifts_training_and_never_serving(data: Path) -> None:
    """Served users are those whose domains are hidden."""
    network = learner(data).network.eval()
    tags = torch.tensor([[[1, 2]], [[3, 0]]])
    hidden = torch.full((2, 1), len(network.domains))
    shown, _ = network.encode(tags, torch.zeros_like(hidden))
    torch.testing.assert_close(network.encode(tags, hidden)[0], network.user(tags))
    assert not torch.allclose(shown, network.user(tags))


@pytest.mark.parametrize("over", ["columns", "rows", "children"])
def test_the_orthogonality_penalty_makes_nodes_more_orthogonal(data: Path, over: str) -> None:
    """Alone, each reading of it falls."""
    found = learner(data, f"srip_over={over}", "srip=1", "balance=0")
    seed = torch.randn(64, generator=torch.Generator().manual_seed(0))
    adam = torch.optim.Adam(found.network.group.parameters(), lr=0.02)
    start = found.network.penalty([], seed).item()
    for _ in range(60):
        adam.zero_grad()
        found.network.penalty([], seed).backward()  # type: ignore[no-untyped-call]  # torch
        adam.step()
    assert found.network.penalty([], seed).item() < 0.8 * start


def test_the_default_tree_is_alive(data: Path, checkpoint: Path) -> None:
    """A tree of 16 leaves does not fall into one group, even in a minute's training."""
    found, dataset = open_checkpoint(checkpoint), read(data)
    histories = [dataset.sequences[u] for u in range(len(dataset.sequences))]
    usage = leaf_usage(found.network, found.vocabulary, dataset, found.config, histories)
    assert usage.leaves == 16
    assert usage.used >= 4
    assert 2 < usage.perplexity <= usage.used


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
    torch.set_num_threads(1)
