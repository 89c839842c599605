"""Figure 5's points are the leaves of the tree."""

from pathlib import Path

import numpy as np
import pytest

from tests.trainer.reproduce.making import BY_NAME, line
from trainer.checkpoint import open_checkpoint
from trainer.data import read
from trainer.evaluation import trial
from trainer.leaves import leaf_usage
from trainer.reproduce.clouds import cloud_of, flat


def test_leaves_have_their_parents_and_users(data: Path, checkpoint: Path) -> None:
    """16 leaves, four to a parent; users at their heaviest leaf, as leaf usage counts them."""
    found = open_checkpoint(checkpoint)
    held = trial(read(data), found.config)
    cloud = cloud_of(line(BY_NAME["figure5/default/with"], 0.3), found, held)
    assert cloud is not None
    assert [leaf.parent for leaf in cloud.leaves] == [i // 4 for i in range(16)]
    assert sum(leaf.users for leaf in cloud.leaves) == len(held.split.cases)
    histories = [case.history for case in held.split.cases]
    use = leaf_usage(found.network, found.vocabulary, held.dataset, found.config, histories)
    assert sum(leaf.users > 0 for leaf in cloud.leaves) == use.used
    assert cloud.silhouette is not None
    assert -1 <= cloud.silhouette <= 1


def test_bundles_of_directions_stay_together_on_the_plane() -> None:
    """Three tight bundles: every point's nearest neighbour is of its own."""
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 8), 10, axis=0)
    places = flat(centres + 0.01 * rng.standard_normal((30, 8)))
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(30)
    assert (gaps.argmin(1) // 10 == np.arange(30) // 10).all()


@pytest.mark.parametrize("leaves", [2, 4, 5])
def test_small_trees_can_be_laid_flat(leaves: int) -> None:
    """t-SNE's perplexity must stay under the number of points."""
    assert flat(np.random.default_rng(0).standard_normal((leaves, 8))).shape == (leaves, 2)
