"""Several processes train what one would, from one checkpoint, and end together."""

import json
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from tests.trainer.conftest import SMALL
from tests.trainer.killing import kill_at
from tests.trainer.together import torchrun
from trainer import checkpoint as files
from trainer import processes
from trainer.config import Config
from trainer.errors import ConfigError, LostProcess
from trainer.train import train

TOLERANCE = 1e-5  # of a loss: sums taken in another order; 2e-7 was the most found
VARIANTS = (
    "model=ican", "model=comirec negatives=queue queue_batches=2",
    "negatives=reencoded queue_batches=2 hard_negatives=2",
    "batch=61 shuffled=0.5 epochs=2 patience=1",
)  # fmt: skip
KILLED = """
import os, signal, sys
import torch.distributed as dist
from couple.__main__ import main
from trainer.learner import Learner
taken = Learner.step
def step(learner, number):
    if number == 11 and dist.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return taken(learner, number)
Learner.step = step
main()
"""


def curve(checkpoint: Path) -> list[dict[str, float]]:
    """Points of a finished run, its speeds left out: they are of a process."""
    points = json.loads((checkpoint / "curve.json").read_text())
    return [{name: p[name] for name in p if name != "examples_per_s"} for p in points]


def assert_same_course(one: Path, other: Path) -> None:
    """Two finished runs, to rounding: losses, rates and validations."""
    assert len(curve(one)) == len(curve(other)) > 0
    for mine, theirs in zip(curve(one), curve(other), strict=True):
        assert mine == pytest.approx(theirs, rel=TOLERANCE)
    names = [sorted(path.name for path in folder.iterdir()) for folder in (one, other)]
    assert names[0] == names[1]


def test_two_processes_take_the_steps_of_one(data: Path, tmp_path: Path) -> None:
    """Every loss of the same batches, dropout and all kinds of negatives included.

    They may part and meet again, and leave one checkpoint like any other, validated alike.
    Processes that are not of one run are told so, and none waits for another that has ended.
    """
    out, straight = tmp_path / "losses", tmp_path / "straight"
    done = torchrun("-m", "tests.trainer.step_by_step", str(data), str(out), *VARIANTS)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert list(found) == list(VARIANTS)
    for alone, together in found.values():
        assert together == pytest.approx(alone, rel=TOLERANCE)
    settings = [*SMALL, *VARIANTS[-1].split()]
    train(data, straight, Config.with_overrides(settings), progress=False)
    assert_same_course(out.with_suffix(".run"), straight)
    assert "LostProcess: another process" in out.with_suffix(".0").read_text()
    assert "DataError: this process has other data" in out.with_suffix(".1").read_text()


def test_a_killed_process_ends_all_and_any_number_goes_on(
    data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """One process is killed, two go on, one of them is killed, one goes on: one course.

    torchrun says who was killed; the survivor may be ended before it can say what to do.
    """
    out, script = tmp_path / "run", tmp_path / "killed.py"
    script.write_text(KILLED)
    kill_at(5, data, out, SMALL)
    options = [part for setting in SMALL for part in ("--set", setting)]
    done = torchrun(str(script), "train", "--data", str(data), "--out", str(out), *options)
    assert done.returncode != 0
    assert "Signal 9 (SIGKILL)" in done.stderr
    state = files.load_state(out)
    assert state is not None
    assert state["steps"] > 5
    train(data, out, Config.with_overrides(SMALL), progress=False)
    assert_same_course(out, checkpoint)


def test_without_torchrun_there_is_one_process() -> None:
    """It leads, and has the whole batch."""
    with processes.joined():
        assert (processes.count(), processes.leads()) == (1, True)
        assert processes.part(7) == slice(0, 7)


@pytest.mark.parametrize("size", ["2", "two", "0"])
def test_a_number_without_a_place_to_meet_is_refused(
    monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    """As a scheduler leaves it; training alone would write over what the others write."""
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(ConfigError, match=r"RANK expected.*start them by torchrun"):
        processes.joined().__enter__()


def test_a_process_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time to meet, the one that came says so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    place = {"RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in place.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(processes, "MEETING", timedelta(seconds=1))
    with pytest.raises(LostProcess, match="did not come within 0:00:01"):
        processes.joined().__enter__()


def test_processes_of_a_host_divide_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two for each core would each take many times as long."""
    assert processes.threads(4) == 4
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert [processes.threads(n) for n in (1, 4, 6)] == [1, 1, 2]
