"""Runs that a SIGKILL ends at a chosen step, in a process of their own."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CHILD = """
import os, signal, sys
from pathlib import Path
from trainer import checkpoint
from trainer.config import Config
from trainer.train import train
step, data, out, *settings = sys.argv[1:]
save = checkpoint.save_state
def save_and_die(path, tensors):
    save(path, tensors)
    if tensors["steps"] == int(step):
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.save_state = save_and_die
train(Path(data), Path(out), Config.with_overrides(settings), progress=False)
"""


def kill_at(step: int, data: Path, out: Path, settings: Sequence[str]) -> None:
    """Train into `out` until so many steps are taken and saved."""
    command = [sys.executable, "-c", CHILD, str(step), str(data), str(out), *settings]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert (out / "state.safetensors").exists()
    assert not (out / "weights.safetensors").exists()
