"""`couple data` says what it made, what it left out, and what it does not take."""

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from bundle.errors import CoupleError
from couple.__main__ import app
from trainer.data import INTERACTIONS, ITEMS


def run(*arguments: str | Path) -> str:
    """The output of one call; what it raises passes through."""
    found = CliRunner().invoke(app, ["data", *map(str, arguments)], catch_exceptions=False)
    assert found.exit_code == 0 or not isinstance(found.exception, CoupleError)
    return found.output


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """One's own tables, with a row that says nothing of its user."""
    folder = tmp_path / "mine"
    folder.mkdir()
    items = {
        "item_id": ["a", "b"],
        "domain": ["x", "y"],
        "tags": [["wok"], []],
        "title": ["", "pan"],
    }
    pl.DataFrame(items).write_parquet(folder / ITEMS)
    taken = {"user_id": ["u", None, "u"], "item_id": ["a", "a", "z"], "timestamp": [1, 2, 3]}
    pl.DataFrame(taken).write_parquet(folder / INTERACTIONS)
    return folder


def test_the_report_leaves_nothing_out(raw: Path, tmp_path: Path) -> None:
    """Counts, items without a tag, what is not wanted, malformed rows with their places."""
    out = tmp_path / "data"
    assert run("parquet", raw, "--out", out, "--target", "x").splitlines() == [
        f"{out}: parquet, 2 items, 1 users, 1 interactions, 1 tags",
        "1 items have no tag",
        "left out: 1 interactions with an item that is not described",
        f"{raw / INTERACTIONS}: 1 malformed row left out: 2: no user_id",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["microlens"], "microlens takes one path, RAW, not 0"),
        (["completejourney", "raw"], "completejourney takes no path, not 1"),
        (["movielens", "raw", "--target", "x"], "movielens does not take --target"),
        (["parquet", "raw", "--boundary", "1990"], "parquet does not take --boundary"),
        (["amazon", "reviews"], "amazon takes pairs of files: REVIEWS META"),
        (["movielens", "raw"], "raw holds neither"),
        (["microlens", "raw"], "raw is no folder"),
        (["parquet", "raw"], "raw does not exist"),
    ],
)
def test_what_a_data_set_does_not_take_is_one_sentence(
    arguments: list[str], complaint: str, tmp_path: Path
) -> None:
    """Before anything is written."""
    with pytest.raises(CoupleError, match=complaint):
        run(*arguments, "--out", tmp_path / "data")
    assert not (tmp_path / "data").exists()
