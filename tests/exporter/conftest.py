"""A trained checkpoint and a bundle of every network, each made when it is first asked for."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from exporter import export
from service.towers import OnnxTowers
from tests.golden.data import write_data
from tests.trainer.conftest import SMALL
from trainer.config import Config
from trainer.train import train

Made = Callable[[str], Path]  # model → its folder; read it, never write to it


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of made-up data."""
    folder = tmp_path_factory.mktemp("made") / "data"
    write_data(folder, users=200)
    return folder


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Finished checkpoints."""
    folder = tmp_path_factory.mktemp("trained")

    @cache
    def made(model: str) -> Path:
        config = Config.with_overrides([*SMALL, "epochs=0.5", "loudness=2", f"model={model}"])
        train(data, folder / model, config, progress=False)
        return folder / model

    return made


@pytest.fixture(scope="session")
def exported(trained: Made, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Their bundles."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def made(model: str) -> Path:
        export(trained(model), folder / model, OnnxTowers)
        return folder / model

    return made


@pytest.fixture(scope="session")
def checkpoint(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that exports fast, where any network will do: DSSM by the paper, reading tags alone."""
    folder = tmp_path_factory.mktemp("plain") / "checkpoint"
    config = Config.with_overrides(
        ["recipe=paper", *SMALL, "model=dssm", "epochs=0.5", "factors=0"]
    )
    train(data, folder, config, progress=False)
    return folder
