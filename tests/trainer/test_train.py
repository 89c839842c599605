"""Training learns, whatever the model, and takes nothing from what is held out."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.conftest import SMALL
from trainer import checkpoint as files
from trainer.baselines import BASELINES
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.errors import CheckpointError, DataError, TrainerError
from trainer.evaluation import evaluate, trial
from trainer.learner import Learner
from trainer.towers import NETWORKS
from trainer.train import train, training_tags


def test_a_trained_model_beats_chance_and_names_its_groups(checkpoint: Path) -> None:
    """Warm and cold users apart, the baselines in the same run."""
    metrics = json.loads((checkpoint / "metrics.json").read_text())
    assert set(metrics) == {"couple", "tfidf", "chance"}
    assert set(metrics["couple"]) == {"all", "warm", "cold"}
    assert metrics["couple"]["all"]["NDCG@10"] > 1.5 * metrics["chance"]["all"]["NDCG@10"]


def test_evaluate_repeats_what_training_measured(checkpoint: Path, data: Path) -> None:
    """The checkpoint alone gives the same numbers."""
    report, held = evaluate(checkpoint, data)
    assert report == open_checkpoint(checkpoint).metrics
    assert len(held.negatives) == len(held.split.cases)


@pytest.mark.parametrize("model", NETWORKS)
def test_every_network_learns(data: Path, tmp_path: Path, model: str) -> None:
    """Through the same door: it beats chance, and what is saved scores as what was trained."""
    settings = [*SMALL, "epochs=3", "lr=0.01", "save_every_s=99", f"model={model}"]
    report = train(data, tmp_path, Config.with_overrides(settings), progress=False)
    assert set(report) == {model, "tfidf", "chance"}
    assert report[model]["all"]["NDCG@10"] > 1.5 * report["chance"]["all"]["NDCG@10"]
    assert evaluate(tmp_path, data)[0] == report
    network = open_checkpoint(tmp_path).network
    assert network.interests == (4 if model == "comirec" else 1)
    assert network.dim == 16


@pytest.mark.parametrize("model", BASELINES)
def test_every_model_without_a_network_learns(data: Path, tmp_path: Path, model: str) -> None:
    """The same door, the same files; popularity alone cannot know a cold item from another."""
    report = train(
        data, tmp_path, Config.with_overrides([*SMALL, f"model={model}"]), progress=False
    )
    assert evaluate(tmp_path, data)[0] == report
    better = report[model]["all"]["NDCG@10"] / report["chance"]["all"]["NDCG@10"]
    assert better > 0.5 if model == "popularity" else better > 1.5
    assert set(files.read_ranks(tmp_path)) == {"sampled", "full"}
    with pytest.raises(CheckpointError, match="is no network"):
        _ = open_checkpoint(tmp_path).network
    assert train(data, tmp_path, open_checkpoint(tmp_path).config, progress=False) == report


def test_factors_are_more_than_the_network(data: Path, tmp_path: Path) -> None:
    """They are fitted to a trained network and leave it as it is."""
    without = Config.with_overrides([*SMALL, "factors=0"])
    train(data, tmp_path / "without", without, progress=False)
    train(data, tmp_path / "with", Config.with_overrides(SMALL), progress=False)
    alone, both = (open_checkpoint(tmp_path / name) for name in ("without", "with"))
    assert alone.network.dim == 8
    assert (tmp_path / "without" / "items.txt").read_bytes() == b""
    for name, tensor in alone.tensors.items():
        assert torch.equal(both.tensors[name], tensor), name
    more = {name for name in both.tensors if name not in alone.tensors}
    assert more == {f"factors.{name}" for name in ("anchors", "factors", "lexical", "loud")}
    assert both.tensors["factors.loud"] > 0


def test_known_items_are_those_of_training(data: Path, checkpoint: Path) -> None:
    """No cold item is among them: it does not exist yet."""
    held, found = trial(read(data), Config()), open_checkpoint(checkpoint)
    cold = [held.dataset.item_ids[item] for item in held.split.pool]
    assert not any(found.item_ids.ids(cold))
    seen = [held.dataset.item_ids[item] for item in held.training_items]
    assert all(found.item_ids.ids(seen))


def test_only_so_many_items_are_known(data: Path, tmp_path: Path) -> None:
    """The most frequent: a bound on the item tower."""
    config = Config.with_overrides([*SMALL, "epochs=0.2", "max_known=30"])
    train(data, tmp_path, config, progress=False)
    found, held = open_checkpoint(tmp_path), trial(read(data), config)
    counts = held.split.train.counts(len(held.dataset.item_ids))
    known = np.array(found.item_ids.ids(held.dataset.item_ids)) > 0
    assert known.sum() == 30
    assert counts[known].min() >= counts[~known].max()


def test_split_none_trains_on_everything(data: Path, tmp_path: Path) -> None:
    """Production holds nothing out and measures nothing; its factors know every item met."""
    config = Config.with_overrides([*SMALL, "epochs=0.2", "split=none"])
    assert train(data, tmp_path / "run", config, progress=False) == {}
    found, dataset = open_checkpoint(tmp_path / "run"), read(data)
    met = [dataset.item_ids[item] for item in np.unique(dataset.sequences.items)]
    assert all(found.item_ids.ids(met))
    assert len(found.item_ids) == len(met)
    assert files.read_ranks(tmp_path / "run") == {}


def test_split_none_can_stop_early(data: Path, tmp_path: Path) -> None:
    """Nothing is held out for a test, but some users for a validation."""
    settings = [*SMALL, "epochs=2", "split=none", "patience=1"]
    assert train(data, tmp_path, Config.with_overrides(settings), progress=False) == {}
    points = json.loads((tmp_path / "curve.json").read_text())
    assert sum("validation" in point for point in points) == 2


def test_a_validation_is_judged_in_place_of_the_test(data: Path, tmp_path: Path) -> None:
    """`validation=true`: other users and items, cut out of the training data."""
    config = Config.with_overrides([*SMALL, "epochs=0.2", "validation=true"])
    report = train(data, tmp_path, config, progress=False)
    test, choice = trial(read(data), Config.with_overrides(SMALL)), trial(read(data), config)
    assert report["couple"]["all"]["users"] == len(choice.split.cases)
    assert not np.isin(choice.split.pool, test.split.pool).any()
    known = open_checkpoint(tmp_path).item_ids
    assert not any(known.ids(test.dataset.item_ids[item] for item in test.split.pool))


def test_tensorboard_logs_are_written_where_they_are_wanted(data: Path, tmp_path: Path) -> None:
    """And not into the checkpoint."""
    config = Config.with_overrides([*SMALL, "epochs=0.2"])
    train(data, tmp_path / "run", config, progress=False, logs=tmp_path / "logs")
    assert [path.name.split(".")[2] for path in (tmp_path / "logs").iterdir()] == ["tfevents"]
    open_checkpoint(tmp_path / "run")


def test_tags_come_from_training_items_alone(data: Path) -> None:
    """A cold item's own tag is not in the vocabulary: the item does not exist yet."""
    held = trial(read(data), Config())
    cold = int(held.split.pool[0])
    tags = list(held.dataset.tags)
    tags[cold] = ("only here",)
    again = replace(held, dataset=replace(held.dataset, tags=tuple(tags)))
    assert "only here" not in training_tags(again, Config.with_overrides(["min_tag_count=1"]))
    with pytest.raises(DataError, match="no tag occurs in 99999"):
        training_tags(held, Config.with_overrides(["min_tag_count=99999"]))


def test_a_loss_that_is_not_finite_stops_the_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than train on and save NaN."""
    monkeypatch.setattr(Learner, "step", lambda self, number: float("nan"))
    with pytest.raises(TrainerError, match="the loss is nan at step 0"):
        train(data, tmp_path / "run", Config.with_overrides(SMALL), progress=False)


def test_another_split_of_the_same_data_is_not_judged(
    checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    """What it trained on would be called cold."""
    moved = shutil.copytree(data, tmp_path / "data")
    about = json.loads((moved / "dataset.json").read_text())
    (moved / "dataset.json").write_text(json.dumps(about | {"split": "paper"}))
    with pytest.raises(CheckpointError, match="another split"):
        evaluate(checkpoint, moved)
