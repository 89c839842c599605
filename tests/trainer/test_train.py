"""Training learns, survives a kill with the same weights, and refuses to mix runs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.conftest import SMALL
from trainer import checkpoint as files
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.errors import CheckpointError, DataError, TrainerError
from trainer.evaluation import evaluate, trial
from trainer.learner import Learner, learning_rate, temperature
from trainer.train import train, training_tags


def learner(data: Path, *settings: str) -> Learner:
    config = Config.with_overrides([*SMALL, *settings])
    held = trial(read(data), config)
    return Learner(held.dataset, held.split, training_tags(held, config), config)


@pytest.mark.parametrize("negatives", ["batch", "queue", "reencoded"])
def test_the_loss_falls(data: Path, negatives: str) -> None:
    """With each kind of negatives."""
    found = learner(data, f"negatives={negatives}", "epochs=4", "queue_batches=4")
    losses = [found.step(step) for step in range(found.examples.steps)]
    settled = losses[4:]  # the queue fills during the first steps, which makes them easy
    third = len(settled) // 3
    assert sum(settled[-third:]) < 0.97 * sum(settled[:third])


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


CHILD = """
import sys
from pathlib import Path
from tests.trainer.conftest import SMALL
from trainer.config import Config
from trainer.train import train
train(Path(sys.argv[1]), Path(sys.argv[2]), Config.with_overrides(SMALL), progress=False)
"""


def test_a_killed_run_ends_with_the_same_weights(
    checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    """SIGKILL in the middle, then the same command again: bit for bit, and no state left."""
    out = tmp_path / "killed"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(data), str(out)])
    deadline = time.monotonic() + 60
    while not (out / "state.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert (out / "state.safetensors").exists()
    assert not (out / "weights.safetensors").exists()
    with pytest.raises(CheckpointError, match="not finished"):
        open_checkpoint(out)
    train(data, out, Config.with_overrides(SMALL), progress=False)
    names = ("weights.safetensors", "metrics.json", "tags.txt", "checkpoint.json")
    for name in names:
        assert (out / name).read_bytes() == (checkpoint / name).read_bytes(), name
    assert not (out / "state.safetensors").exists()


def test_a_state_carries_queue_and_moments(data: Path) -> None:
    """A second learner that takes over mid-way makes the very same steps."""
    settings = ("negatives=queue", "queue_batches=2")
    first, second = learner(data, *settings), learner(data, *settings)
    for step in range(5):
        first.step(step)
    assert second.load(first.state(5)) == 5
    assert [first.step(s) for s in (5, 6)] == [second.step(s) for s in (5, 6)]


def test_a_finished_checkpoint_is_returned_as_it_is(checkpoint: Path, data: Path) -> None:
    """The same command twice trains once."""
    before = (checkpoint / "weights.safetensors").stat().st_mtime_ns
    train(data, checkpoint, Config.with_overrides(SMALL), progress=False)
    assert (checkpoint / "weights.safetensors").stat().st_mtime_ns == before


def test_another_configuration_is_refused_and_restart_begins_anew(
    data: Path, tmp_path: Path
) -> None:
    """The message names the setting that differs."""
    out = tmp_path / "run"
    train(data, out, Config.with_overrides([*SMALL, "epochs=0.2"]), progress=False)
    other = Config.with_overrides([*SMALL, "epochs=0.2", "lr=0.01"])
    with pytest.raises(CheckpointError, match=r"lr=0\.004, not 0\.01: use --restart"):
        train(data, out, other, progress=False)
    train(data, out, other, progress=False, restart=True)
    assert open_checkpoint(out).config.lr == 0.01


def test_other_data_is_refused(checkpoint: Path, data: Path) -> None:
    """A checkpoint belongs to the data it was started on."""
    config = Config.with_overrides([*SMALL, "target_domain=product"])
    with pytest.raises(CheckpointError, match="target_domain"):
        train(data, checkpoint, config, progress=False)


def test_a_folder_of_something_else_is_refused(data: Path, config: Config, tmp_path: Path) -> None:
    """Nothing of another's is overwritten."""
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        train(data, tmp_path, config, progress=False, restart=True)
    assert (tmp_path / "precious").read_text() == "mine"


def test_split_none_trains_on_everything(data: Path, tmp_path: Path) -> None:
    """Production holds nothing out and measures nothing."""
    config = Config.with_overrides([*SMALL, "epochs=0.2", "split=none"])
    assert train(data, tmp_path / "run", config, progress=False) == {}


def test_tags_come_from_training_items_alone(data: Path) -> None:
    """A cold item's own tag is not in the vocabulary: the item does not exist yet."""
    held = trial(read(data), Config())
    cold = int(held.split.pool[0])
    tags = list(held.dataset.tags)
    tags[cold] = ("only here",)
    changed = held.dataset.__class__(**{**vars(held.dataset), "tags": tuple(tags)})
    again = held.__class__(changed, held.split, held.negatives)
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


def test_weights_that_are_not_finite_are_never_a_checkpoint(data: Path, tmp_path: Path) -> None:
    """Also when it is the last step that breaks them, whose loss was still a number."""
    out, config = tmp_path / "run", Config.with_overrides([*SMALL, "epochs=0.2"])
    train(data, out, config, progress=False)
    broken = learner(data, "epochs=0.2")
    with torch.no_grad():
        broken.network.gate.fill_(float("nan"))
    found = open_checkpoint(out)
    files.remove(out)
    files.start(
        out, found.about.model_copy(update={"weights_sha256": None}), config, found.vocabulary
    )
    files.save_state(out, broken.state(broken.examples.steps))
    with pytest.raises(TrainerError, match="a weight is not finite"):
        train(data, out, config, progress=False)
    with pytest.raises(CheckpointError, match="not finished"):
        open_checkpoint(out)


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_a_run_killed_while_it_finishes_ends_the_same(
    checkpoint: Path, data: Path, tmp_path: Path, written: int
) -> None:
    """Between any two of the files of `finish`, with a half-written one beside them."""
    out, config = tmp_path / "run", Config.with_overrides(SMALL)
    whole = learner(data)
    for step in range(whole.examples.steps):
        whole.step(step)
    found = open_checkpoint(checkpoint)
    names = ("weights_sha256", "config_sha256", "metrics_sha256")
    about = found.about.model_copy(update=dict.fromkeys(names))
    files.start(out, about, config, found.vocabulary)
    files.save_state(out, whole.state(whole.examples.steps))
    for name in (files.WEIGHTS, files.METRICS, files.ABOUT)[:written]:
        (out / name).write_bytes((checkpoint / name).read_bytes())
    (out / ".weights.safetensors.123").write_bytes(b"half")
    assert train(data, out, config, progress=False) == found.metrics
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in checkpoint.iterdir()
    }


def test_a_state_of_another_run_is_refused(data: Path) -> None:
    """Of another shape, or of nothing at all."""
    found = learner(data)
    for state in (learner(data, "dim=16").state(0), {}):
        with pytest.raises(CheckpointError, match="of another run: use --restart"):
            found.load(state)


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


def test_another_split_of_the_same_data_is_not_judged(
    checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    """What it trained on would be called cold."""
    moved = shutil.copytree(data, tmp_path / "data")
    about = json.loads((moved / "dataset.json").read_text())
    (moved / "dataset.json").write_text(json.dumps(about | {"split": "paper"}))
    with pytest.raises(CheckpointError, match="another split"):
        evaluate(checkpoint, moved)


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
