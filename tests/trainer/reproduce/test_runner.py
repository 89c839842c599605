"""Processes of the plan end with it, and its pace is honest."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.conftest import SMALL
from trainer.data import read
from trainer.reproduce.plan import Run, run_of
from trainer.reproduce.runner import Progress, Runner


class Interrupted(Exception):
    """Stands for Ctrl-C, which pytest takes for itself."""


def long_run() -> Run:
    """A run of far more epochs than a test waits for."""
    return run_of([*(s for s in SMALL if not s.startswith("epochs")), "epochs=100000"])


def alive(key: str) -> bool:
    """Whether a process of this run exists."""
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return any(key in line and "worker" in line for line in shown.stdout.splitlines())


def test_an_interrupted_plan_leaves_no_process(data: Path, tmp_path: Path) -> None:
    """Whatever goes up through the runner, its processes go down."""
    run = long_run()
    runner = Runner(data, tmp_path, read(data).fingerprint, workers=1)

    def stop_when_begun(progress: Progress) -> None:
        if (tmp_path / run.key / "checkpoint.json").exists():
            raise Interrupted

    with pytest.raises(Interrupted):
        runner.carry_out([(run, 1.0)], stop_when_begun)
    assert not alive(run.key)


def test_a_killed_parent_takes_its_runs_along(data: Path, tmp_path: Path) -> None:
    """kill -9 cannot be caught; the runs notice that nobody waits for them."""
    words = [str(data), str(tmp_path), long_run().key, *long_run().settings]
    script = (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'trainer.reproduce.worker', *sys.argv[1:]])"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, *words])
    _wait_for(lambda: (tmp_path / long_run().key / "checkpoint.json").exists())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    _wait_for(lambda: not alive(long_run().key))


def _wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_time_remaining_follows_the_pace() -> None:
    """100 estimated seconds done in 50 by the clock: 300 more take 150."""
    progress = Progress({"a": 100.0, "b": 300.0}, workers=2)
    assert progress.remaining_s == 200.0  # nothing done: the estimate, by two
    progress.began = time.monotonic() - 50
    progress.done.add("a")
    assert progress.remaining_s == pytest.approx(150.0, rel=0.01)


def test_what_was_there_already_says_nothing_of_the_pace() -> None:
    """A reused run took no time."""
    progress = Progress({"a": 100.0, "b": 300.0}, workers=1, done={"a"}, reused={"a"})
    assert progress.remaining_s == 300.0
