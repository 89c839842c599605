"""A run survives a kill with the same weights, and is never mixed with another."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.trainer.conftest import SMALL, learner
from tests.trainer.killing import kill_at
from trainer import checkpoint as files
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.errors import CheckpointError, TrainerError
from trainer.towers import NETWORKS
from trainer.train import train


def test_a_killed_run_ends_with_the_same_weights(
    checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    """SIGKILL in the middle, then the same command again: bit for bit, and no state left."""
    out = tmp_path / "killed"
    kill_at(11, data, out, SMALL)
    with pytest.raises(CheckpointError, match="not finished"):
        open_checkpoint(out)
    train(data, out, Config.with_overrides(SMALL), progress=False)
    assert contents(out) == contents(checkpoint)


@pytest.fixture(scope="module")
def at_the_end(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after its last step; copy it, never write to it."""
    folder = tmp_path_factory.mktemp("at the end") / "run"
    kill_at(learner(data).examples.steps, data, folder, SMALL)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a checkpoint, its speeds left out: they are of a process."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    points = json.loads(found["curve.json"])
    kept = [{name: p[name] for name in p if name != "examples_per_s"} for p in points]
    return {**found, "curve.json": json.dumps(kept).encode()}


@pytest.mark.parametrize("model", NETWORKS)
def test_a_state_carries_queue_and_moments(data: Path, model: str) -> None:
    """A second learner that takes over mid-way makes the very same steps."""
    settings = ("negatives=queue", "queue_batches=2", f"model={model}")
    first, second = learner(data, *settings), learner(data, *settings)
    for step in range(5):
        first.step(step)
    state = {name: tensor.clone() for name, tensor in first.state(5).items()}
    assert second.load(state) == 5
    assert [first.step(s) for s in (5, 6)] == [second.step(s) for s in (5, 6)]
    for name, tensor in second.state(7).items():
        assert torch.equal(tensor, first.state(7)[name]), name


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


def test_weights_that_are_not_finite_are_never_a_checkpoint(
    at_the_end: Path, data: Path, tmp_path: Path
) -> None:
    """Also when it is the last step that breaks them, whose loss was still a number."""
    out = shutil.copytree(at_the_end, tmp_path / "run")
    state = files.load_state(out)
    assert state is not None
    state["network.nobody"].fill_(float("nan"))
    files.save_state(out, state)
    with pytest.raises(TrainerError, match="a weight is not finite"):
        train(data, out, Config.with_overrides(SMALL), progress=False)
    with pytest.raises(CheckpointError, match="not finished"):
        open_checkpoint(out)


@pytest.mark.parametrize("written", range(len(files.DONE) + 2))
def test_a_run_killed_while_it_finishes_ends_the_same(
    checkpoint: Path, at_the_end: Path, data: Path, tmp_path: Path, written: int
) -> None:
    """Between any two of the files of `finish`, with a half-written one beside them."""
    out = shutil.copytree(at_the_end, tmp_path / "run")
    for name in (*files.DONE, files.ABOUT)[:written]:
        (out / name).write_bytes((checkpoint / name).read_bytes())
    (out / ".weights.safetensors.123").write_bytes(b"half")
    metrics = train(data, out, Config.with_overrides(SMALL), progress=False)
    assert metrics == open_checkpoint(checkpoint).metrics
    assert contents(out) == contents(checkpoint)


@pytest.mark.parametrize("lost", ["curve", "best.score", "rows.exp_avg", "network.nobody"])
def test_a_state_that_lacks_a_part_is_refused(
    at_the_end: Path, data: Path, tmp_path: Path, lost: str
) -> None:
    """As that of an older version does."""
    out = shutil.copytree(at_the_end, tmp_path / "run")
    state = files.load_state(out)
    assert state is not None
    del state[lost]
    files.save_state(out, state)
    with pytest.raises(CheckpointError, match="of another run: use --restart"):
        train(data, out, Config.with_overrides(SMALL), progress=False)


def test_a_state_of_another_run_is_refused(data: Path) -> None:
    """Of another shape, or of nothing at all."""
    found = learner(data)
    for state in (learner(data, "dim=16").state(0), {}):
        with pytest.raises(CheckpointError, match="of another run: use --restart"):
            found.load(state)
