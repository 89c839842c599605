"""Early stopping: patience ends a run, the best weights come back, the test plays no part."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bundle import ItemIds
from tests.trainer.conftest import SMALL
from tests.trainer.killing import kill_at
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.errors import DataError
from trainer.evaluation import Trial, judge, trial, trial_of
from trainer.learner import Learner
from trainer.scorer import TowersScorer
from trainer.sequences import Sequences
from trainer.split import hold_out
from trainer.stopping import METRIC, Stopping
from trainer.towers import TwoTowers
from trainer.train import train, training_tags

PATIENT = (*SMALL, "patience=1", "epochs=6", "lr=0.02")


def held_out(data: Path, *settings: str) -> tuple[Trial, Stopping, Config]:
    config = Config.with_overrides([*SMALL, "patience=2", *settings])
    held = trial(read(data), config)
    return held, Stopping(held, training_tags(held, config), config), config


def networks(held: Trial, config: Config, count: int) -> list[TwoTowers]:
    """Untrained ones, whose scores differ."""
    found = []
    for seed in range(count):
        torch.manual_seed(seed)
        found.append(TwoTowers(len(training_tags(held, config)), 2, config))
    return found


def test_users_are_held_out_of_the_training_data_alone(data: Path) -> None:
    """No event of the validation, seen or to be found, is one that the test holds out."""
    held, stopping, _ = held_out(data)
    test = {(case.user, case.positive) for case in held.split.cases}
    cold = set(held.split.pool.tolist())
    assert stopping.split.cases
    for case in stopping.split.cases:
        assert case.positive not in cold
        assert not cold & set(case.history.tolist())
        assert (case.user, case.positive) not in test
        assert {case.positive, *case.history} <= set(held.split.train[case.user].tolist())


def test_what_is_validated_is_not_trained_on(data: Path) -> None:
    """Its items are in nobody's sequence, and the rest of training stays."""
    held, stopping, _ = held_out(data)
    left = stopping.split.train
    assert not np.isin(left.items, stopping.split.pool).any()
    assert 0.7 < len(left.items) / len(held.split.train.items) < 1
    _, never, _ = held_out(data, "patience=0")
    assert np.array_equal(never.split.train.items, held.split.train.items)


def test_the_test_may_be_anything(data: Path) -> None:
    """With other test users and other cold items to find, validation says the same."""
    held, stopping, config = held_out(data)
    cases = tuple(replace(case, positive=int(held.split.pool[0])) for case in held.split.cases[:3])
    other = replace(held, split=replace(held.split, cases=cases))
    again = Stopping(other, training_tags(held, config), config)
    (network,) = networks(held, config, 1)
    assert again.split.fingerprint == stopping.split.fingerprint
    assert again.score(network) == stopping.score(network)


def test_a_score_is_that_of_the_judge(data: Path) -> None:
    """NDCG@10 over all validation users, cut as the test is, from a seed of its own."""
    held, stopping, config = held_out(data)
    (network,) = networks(held, config, 1)
    dataset, tags = held.dataset, training_tags(held, config)
    seed = config.split_seed + 2
    split = hold_out(held.split.train, dataset.is_target, "cold", seed, 0.1)
    scorer = TowersScorer(network.eval(), tags, ItemIds(), dataset)
    expected = judge(trial_of(dataset, split, config.split_seed), scorer)["all"][METRIC]
    assert stopping.score(network) == expected


def test_patience_counts_epochs_without_a_better_one(data: Path) -> None:
    """A tie is not better; a better one begins the count anew."""
    held, stopping, config = held_out(data)
    worse, better = sorted(networks(held, config, 2), key=lambda n: held_score(held, config, n))
    said = []
    for network in (worse, worse, better, worse, better):
        stopping.score(network)
        said.append(stopping.enough)
    assert said == [False, False, False, False, True]


def held_score(held: Trial, config: Config, network: TwoTowers) -> float:
    return Stopping(held, training_tags(held, config), config).score(network)


def test_the_best_weights_come_back(data: Path) -> None:
    """Those of then, not those that training has made of them since."""
    held, stopping, config = held_out(data)
    worse, better = sorted(networks(held, config, 2), key=lambda n: held_score(held, config, n))
    best = {name: tensor.clone() for name, tensor in better.state_dict().items()}
    stopping.score(better)
    with torch.no_grad():
        better.tags.weight.add_(1.0)
    stopping.score(worse)
    stopping.restore(better)
    for name, tensor in better.state_dict().items():
        assert torch.equal(tensor, best[name]), name


def test_without_a_judged_epoch_the_weights_stay(data: Path) -> None:
    """Less than one epoch, or no patience."""
    held, stopping, config = held_out(data)
    (network,) = networks(held, config, 1)
    before = network.tags.weight.clone()
    stopping.restore(network)
    assert torch.equal(network.tags.weight, before)


def test_another_process_goes_on_with_score_count_and_weights(data: Path) -> None:
    """To the last bit: a score that was rounded would be beaten by itself."""
    held, first, config = held_out(data)
    found = networks(held, config, 6)
    scores = [held_score(held, config, network) for network in found]
    # Of which float32 would keep less than there is.
    network, score = next(
        (n, s) for n, s in zip(found, scores, strict=True) if float(np.float32(s)) < s
    )
    first.score(network)
    first.score(network)
    second = Stopping(held, training_tags(held, config), config)
    state = {name: tensor.clone() for name, tensor in first.state().items()}
    second.load(state)
    said = [second.enough, second.score(network) == score, second.enough]
    assert said == [False, True, True]
    other = networks(held, config, 1)[0]
    second.restore(other)
    assert torch.equal(other.tags.weight, network.tags.weight)


def test_a_run_stops_early_and_keeps_its_best_epoch(data: Path, tmp_path: Path) -> None:
    """The curve has a validation an epoch and ends with the first that is no better."""
    train(data, tmp_path, Config.with_overrides(PATIENT), progress=False)
    points = json.loads((tmp_path / "curve.json").read_text())
    scores = [point["validation"] for point in points if "validation" in point]
    assert 1 < len(scores) < 6
    assert max(scores) == scores[-2] >= scores[-1]
    found = open_checkpoint(tmp_path)
    held = trial(read(data), found.config)
    network = found.network
    network.factors = None
    assert Stopping(held, found.vocabulary, found.config).score(network) == scores[-2]


def test_a_killed_run_keeps_its_best_epoch(data: Path, tmp_path: Path) -> None:
    """Killed some steps after an epoch was judged: the same weights, the same curve of losses."""
    whole, out = tmp_path / "whole", tmp_path / "killed"
    held, stopping, config = held_out(data, *PATIENT)
    learner = Learner(held.dataset, stopping.split, training_tags(held, config), config)
    kill_at(learner.examples.steps_per_epoch + 7, data, out, PATIENT)
    for folder in (whole, out):
        train(data, folder, Config.with_overrides([*PATIENT, "save_every_s=99"]), progress=False)
    for name in ("weights.safetensors", "metrics.json", "items.txt", "ranks.npz"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    curves = [json.loads((folder / "curve.json").read_text()) for folder in (whole, out)]
    for point in (*curves[0], *curves[1]):
        del point["examples_per_s"]
    assert curves[0] == curves[1]


def test_too_little_data_to_hold_out_is_said(data: Path) -> None:
    """Rather than stop by nobody's score."""
    held, _, config = held_out(data)
    few = Sequences.of([held.split.train[0][:1]])
    small = replace(held, split=replace(held.split, train=few))
    with pytest.raises(DataError, match="set patience=0"):
        Stopping(small, training_tags(held, config), config)
