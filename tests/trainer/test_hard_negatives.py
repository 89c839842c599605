"""Hard negatives are neighbours of the positive, of the ranks asked for, the same every time."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.conftest import learner
from trainer.config import Config
from trainer.hard_negatives import HardNegatives

ITEMS = np.array([2, 3, 5, 7, 11, 13, 17, 19])


def on_a_circle(*settings: str) -> HardNegatives:
    """Items by their angle, so that an item's neighbours stand beside it in ITEMS."""
    angles = torch.linspace(0, 1, len(ITEMS)) ** 1.5  # no two distances alike
    vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    return HardNegatives(ITEMS, vectors, Config.with_overrides(settings))


def drawn(found: HardNegatives, item: int) -> set[int]:
    """All that ten steps draw for a positive."""
    return {int(i) for step in range(10) for i in found.draw(torch.tensor([item] * 9), step)}


def test_the_ranks_that_are_asked_for_are_drawn() -> None:
    """Rank 0 is the item itself, rank 1 its nearest."""
    near = on_a_circle("hard_negatives=1", "hard_nearest=1", "hard_farthest=2")
    assert drawn(near, 2) == {3, 5}
    assert drawn(near, 19) == {17, 13}
    far = on_a_circle("hard_negatives=1", "hard_nearest=5", "hard_farthest=7")
    assert drawn(far, 2) == {13, 17, 19}


def test_too_few_items_give_the_farthest_there_is() -> None:
    """Rather than an error: the loss masks a positive that is its own negative."""
    assert drawn(on_a_circle("hard_negatives=1", "hard_nearest=50"), 2) == {19}
    alone = HardNegatives(ITEMS[:1], torch.ones(1, 1), Config(hard_negatives=1))
    assert drawn(alone, 2) == {2}


def test_a_draw_is_a_function_of_seed_and_step() -> None:
    """In whatever order steps are asked for."""
    positives = torch.from_numpy(ITEMS).repeat(4)
    first, second = (on_a_circle("hard_negatives=3", "hard_nearest=1") for _ in range(2))
    second.draw(positives, 1)
    kept = first.draw(positives, 0)
    assert kept.shape == (3 * len(positives),)
    assert torch.equal(kept, second.draw(positives, 0))
    assert not torch.equal(kept, first.draw(positives, 1))
    other = on_a_circle("hard_negatives=3", "hard_nearest=1", "seed=1")
    assert not torch.equal(kept, other.draw(positives, 0))


@pytest.mark.parametrize("negatives", ["batch", "queue", "reencoded"])
def test_they_join_the_other_negatives(data: Path, negatives: str) -> None:
    """The step is otherwise the same, dropout included, so its loss can only be higher."""
    settings = (f"negatives={negatives}", "queue_batches=2", "hard_nearest=1")
    plain, hard = (learner(data, *settings, f"hard_negatives={n}") for n in (0, 2))
    assert hard.step(0) > plain.step(0) + 0.01


def test_a_resumed_run_draws_the_same(data: Path) -> None:
    """Neighbours are those before training, which the learner that takes over finds again."""
    first, second = (learner(data, "hard_negatives=1") for _ in range(2))
    for step in range(3):
        first.step(step)
    second.load({name: tensor.clone() for name, tensor in first.state(3).items()})
    assert [first.step(s) for s in (3, 4)] == [second.step(s) for s in (3, 4)]
