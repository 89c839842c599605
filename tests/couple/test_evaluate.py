"""`couple evaluate`: tables that fit a terminal, JSON that holds the same."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from couple.__main__ import app
from couple.tables import figures
from tests.golden.data import write_data
from tests.trainer.conftest import SMALL
from trainer.config import Config
from trainer.errors import ConfigError
from trainer.train import train

FAST = (*SMALL, "epochs=0.2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, and two seeds."""
    made = tmp_path_factory.mktemp("evaluated")
    write_data(made / "data", users=200)
    for name, settings in {"0": (), "1": ("seed=1",), "whole": ("split=none",)}.items():
        config = Config.with_overrides([*FAST, *settings])
        train(made / "data", made / name, config, progress=False)
    return made


def run(folder: Path, *arguments: str) -> str:
    """The output of one call; what it raises passes through."""
    words = [str(folder / word) if word.isalnum() else word for word in arguments]
    command = ["evaluate", *words, "--data", str(folder / "data")]
    return CliRunner().invoke(app, command, catch_exceptions=False, env={"COLUMNS": "80"}).output


def test_the_tables_fit_80_columns(folder: Path) -> None:
    """Every model in every kind of user; a deviation where there are seeds; two to beat."""
    output = run(folder, "0", "1")
    lines = output.splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("couple x2", "±", "tfidf", "popularity", "icf", "chance"):
        assert sum(name in line for line in lines) >= 3, name
    assert "couple - icf" in output
    assert "couple - tfidf" in output
    assert "NDCG@100" in output


def test_json_holds_the_same(folder: Path) -> None:
    """With the fingerprints of data and split; bounds enclose the difference."""
    found = json.loads(run(folder, "0", "1", "--json", "--against=popularity"))
    assert found["seeds"]["couple"] == 2
    assert set(found["metrics"]) == {"couple", "tfidf", "popularity", "icf", "chance"}
    assert set(found["deviations"]) == {"couple"}
    assert set(found["against"]) == {"popularity"}
    interval = found["against"]["popularity"]["couple"]["all"]["HR@10"]
    assert interval["low"] <= interval["difference"] <= interval["high"]
    assert found["pool"] == "cold"
    assert len(found["split_fingerprint"]) == len(found["data_fingerprint"]) == 64


def test_the_full_pool_is_asked_for_by_name(folder: Path) -> None:
    """And the output says so."""
    assert "warm ones too" in run(folder, "0", "--full-pool")
    assert json.loads(run(folder, "0", "--full-pool", "--json"))["pool"] == "full"


def test_a_model_that_was_not_judged_cannot_be_beaten(folder: Path) -> None:
    """The message names those that were."""
    with pytest.raises(ConfigError, match="no such model was judged; these were: couple, tfidf"):
        run(folder, "0", "--against=oracle")


def test_nothing_held_out_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command, and after training."""
    assert run(folder, "whole").strip() == "nothing was held out, so nothing is judged"
    figures({})
    assert "nothing was held out" in capsys.readouterr().out
