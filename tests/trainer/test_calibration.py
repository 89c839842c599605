"""The factors are as loud as helps on items set aside for that, and silent where they do not."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.conftest import SMALL
from trainer.calibration import LEVEL, LOUDNESSES, METRICS, Calibration, remember
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.evaluation import Trial, judge, trial
from trainer.learner import Learner
from trainer.scorer import TowersScorer
from trainer.towers import TwoTowers
from trainer.train import train, training_tags

FREE = tuple(s for s in SMALL if not s.startswith("loudness"))
WIDE = (*FREE, "calibration=0.3", "calibration_users=50")  # enough of 200 users


def held_out(data: Path, *settings: str) -> tuple[Trial, Calibration, Config]:
    config = Config.with_overrides([*WIDE, *settings])
    held = trial(read(data), config)
    return held, Calibration(held, config), config


def untrained(held: Trial, config: Config) -> TwoTowers:
    found = Learner(held.dataset, held.split, training_tags(held, config), config)
    return found.network.eval()


def test_items_are_set_aside_from_training_alone(data: Path) -> None:
    """No event of the test is judged, and none that is judged is learned from."""
    held, calibration, _ = held_out(data)
    inner = calibration.held.split
    assert len(inner.cases) >= 50
    assert not np.isin(inner.pool, held.split.pool).any()
    assert not np.isin(inner.train.items, inner.pool).any()
    for case in inner.cases:
        assert {case.positive, *case.history} <= set(held.split.train[case.user].tolist())


@pytest.mark.parametrize("setting", ["loudness=2", "loudness=0", "factors=0", "calibration=0.01"])
def test_nothing_is_set_aside_where_nothing_is_chosen(data: Path, setting: str) -> None:
    """Loudness is given, there are no factors, or too few users would judge."""
    held, calibration, config = held_out(data, setting)
    assert calibration.held is held
    network = untrained(held, config)
    expected = 2 if setting == "loudness=2" else 0
    assert calibration.loudness(network, training_tags(held, config)) == expected
    assert network.factors is None


def test_the_quietest_of_the_best_is_taken(data: Path) -> None:
    """By hand, one after the other; the network is left as it was."""
    held, calibration, config = held_out(data)
    network, tags = untrained(calibration.held, config), training_tags(held, config)
    found = calibration.loudness(network, tags)
    assert network.factors is None
    scores = {}
    for loudness in LOUDNESSES:
        network.factors = None
        train = calibration.held.split.train
        block, item_ids = remember(network, tags, held.dataset, train)
        assert block is not None
        network.factors = block.louder(loudness)
        scorer = TowersScorer(network, tags, item_ids, held.dataset)
        metrics = judge(calibration.held, scorer)["all"]
        scores[loudness] = sum(metrics[name] for name in METRICS)
    level = [times for times, score in scores.items() if score >= max(scores.values()) - LEVEL]
    assert found == min(level)


def test_what_is_set_aside_is_known_in_the_end(data: Path, tmp_path: Path) -> None:
    """Factors are fitted to all training data once their loudness is chosen; or are not there."""
    train(data, tmp_path, Config.with_overrides([*WIDE, "tag_init=random"]), progress=False)
    found, held = open_checkpoint(tmp_path), trial(read(data), Config())
    ids = [held.dataset.item_ids[item] for item in held.training_items]
    if found.network.factors is None:
        assert len(found.item_ids) == 0
        assert found.network.dim == 8
    else:
        assert all(found.item_ids.ids(ids))
        assert found.network.dim == 16


def test_the_network_never_learns_what_judges_the_loudness(data: Path, tmp_path: Path) -> None:
    """It is the one that training without those items gives, to the bit."""
    _, calibration, config = held_out(data, "epochs=0.3")
    train(data, tmp_path, config, progress=False)
    held, tags = calibration.held, open_checkpoint(tmp_path).vocabulary
    alone = Learner(held.dataset, held.split, tags, config)
    for step in range(alone.examples.steps):
        alone.step(step)
    found = open_checkpoint(tmp_path).tensors
    assert all(torch.equal(found[name], t) for name, t in alone.network.state_dict().items())


def test_two_runs_choose_the_same(data: Path, tmp_path: Path) -> None:
    """To the bit: nothing in it is left to chance."""
    for name in ("one", "two"):
        train(data, tmp_path / name, Config.with_overrides(WIDE), progress=False)
    one, two = (open_checkpoint(tmp_path / name).tensors for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
