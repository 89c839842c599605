"""Small made-up data, and one checkpoint that several tests look at."""

from pathlib import Path

import pytest
import torch

from tests.golden.data import write_data
from trainer.config import Config
from trainer.data import read
from trainer.evaluation import trial
from trainer.learner import Learner
from trainer.train import train, training_tags

SMALL = (
    "dim=8", "heads=2", "tree=4,16", "leaves=4", "max_tags=6", "batch=64", "epochs=1",
    "warmup=5", "threads=1", "save_every_s=0", "factors=7", "lexical=4", "loudness=3",
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """The networks are too small for two, and a test that wants two leaves the next with one."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder: six tastes, products and videos, 200 users."""
    folder = tmp_path_factory.mktemp("made") / "data"
    write_data(folder, users=200)
    return folder


@pytest.fixture
def config() -> Config:
    """A network small enough for a test."""
    return Config.with_overrides(SMALL)


@pytest.fixture(scope="session")
def checkpoint(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished checkpoint of the made-up data; read it, never write to it."""
    folder = tmp_path_factory.mktemp("trained") / "checkpoint"
    train(data, folder, Config.with_overrides(SMALL), progress=False)
    return folder


def learner(data: Path, *settings: str) -> Learner:
    """The learner of step 0 over a prepared folder."""
    config = Config.with_overrides([*SMALL, *settings])
    held = trial(read(data), config)
    return Learner(held.dataset, held.split, training_tags(held, config), config)
