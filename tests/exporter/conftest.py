"""One checkpoint to export from."""

from pathlib import Path

import pytest

from tests.golden.make import write_data
from tests.trainer.conftest import SMALL
from trainer.config import Config
from trainer.train import train


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished checkpoint of made-up data; read it, never write to it."""
    folder = tmp_path_factory.mktemp("trained")
    write_data(folder / "data", users=200)
    config = Config.with_overrides([*SMALL, "epochs=0.5"])
    train(folder / "data", folder / "checkpoint", config, progress=False)
    return folder / "checkpoint"
