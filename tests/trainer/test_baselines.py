"""The models without a network: tensors in, the same scorer out, and better than chance."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load, save

from trainer.baselines import BASELINES, Name, fit, fitted, scorer
from trainer.config import Config
from trainer.data import read
from trainer.errors import CheckpointError
from trainer.evaluation import Trial, chance, judge, trial
from trainer.train import training_tags

CONFIG = Config()


@pytest.fixture(scope="module")
def held(data: Path) -> Trial:
    """Warm and cold items to choose among."""
    return trial(read(data), CONFIG, full_pool=True)


@pytest.fixture(scope="module")
def tags(held: Trial) -> list[list[int]]:
    """Of every item, as ids."""
    vocabulary = training_tags(held, CONFIG)
    return [vocabulary.ids(found) for found in held.dataset.tags]


@pytest.mark.parametrize("name", BASELINES)
def test_a_model_survives_its_checkpoint(name: Name, held: Trial, tags: list[list[int]]) -> None:
    """Through safetensors, bit for bit the same scores, of warm and cold items alike."""
    state = fit(name, held.split.train, tags)
    again = scorer(name, load(save(state)), tags, CONFIG)
    histories = [case.history for case in held.split.cases[:20]]
    first = fitted(name, held.split.train, tags, CONFIG)(histories, held.pool)
    assert first.shape == (20, len(held.pool))
    assert first.dtype == np.float32
    assert np.array_equal(first, again(histories, held.pool))


@pytest.mark.parametrize("name", [n for n in BASELINES if n != "popularity"])
def test_a_model_that_knows_the_user_beats_chance(name: Name, data: Path) -> None:
    """On cold items, over warm and cold users."""
    held = trial(read(data), CONFIG)
    vocabulary = training_tags(held, CONFIG)
    found = [vocabulary.ids(tags) for tags in held.dataset.tags]
    metrics = judge(held, fitted(name, held.split.train, found, CONFIG))
    assert metrics["all"]["NDCG@10"] > judge(held, chance)["all"]["NDCG@10"] + 0.1


@pytest.mark.parametrize("name", BASELINES)
def test_an_empty_history_and_an_item_without_tags_have_scores(
    name: Name, held: Trial, tags: list[list[int]]
) -> None:
    """Finite ones."""
    bare = [[] if item == held.split.pool[0] else ids for item, ids in enumerate(tags)]
    model = fitted(name, held.split.train, bare, CONFIG)
    scores = model([np.zeros(0, np.int64), held.split.cases[0].history], held.split.pool)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", BASELINES)
def test_only_the_newest_items_are_read(name: Name, held: Trial, tags: list[list[int]]) -> None:
    """As many as the networks read."""
    model = fitted(name, held.split.train, tags, Config(max_items=2))
    history = held.split.train.items[:5].astype(np.int64)
    both = model([history, history[-2:]], held.pool)
    assert np.array_equal(both[0], both[1])


@pytest.mark.parametrize("name", BASELINES)
def test_tensors_of_another_model_are_refused(
    name: Name, held: Trial, tags: list[list[int]]
) -> None:
    """Or of other data: never a score that means nothing."""
    with pytest.raises(CheckpointError, match=f"not those of {name}"):
        scorer(name, {}, tags, CONFIG)


def test_cold_items_teach_nothing(held: Trial, tags: list[list[int]]) -> None:
    """Other tags on them leave every tensor as it was."""
    other = [[1] if item in held.split.pool else ids for item, ids in enumerate(tags)]
    for name in BASELINES:
        first, second = (fit(name, held.split.train, found) for found in (tags, other))
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[key], second[key]) for key in first)
