"""The split on disk: the same bytes each time, checked when read, told apart from any other."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainer import split_file
from trainer.config import Config
from trainer.data import read
from trainer.errors import DataError
from trainer.evaluation import Trial, trial


@pytest.fixture(scope="module")
def held(data: Path) -> Trial:
    """What is written."""
    return trial(read(data), Config())


def test_what_is_written_is_read(held: Trial, tmp_path: Path) -> None:
    """Every case by the data set's own ids, and the pool."""
    fingerprint = split_file.write(held, tmp_path / "split.parquet")
    found = split_file.read(tmp_path / "split.parquet")
    assert found.fingerprint == fingerprint
    assert (found.data, found.split) == (held.dataset.fingerprint, held.split.fingerprint)
    names = np.array(held.dataset.item_ids)
    assert found.pool == tuple(names[held.split.pool])
    for number, (case, drawn) in enumerate(zip(held.split.cases, held.negatives, strict=True)):
        row = found.cases.row(number, named=True)
        assert row["user_id"] == held.dataset.user_ids[case.user]
        assert row["positive"] == names[case.positive]
        assert row["history"] == names[case.history].tolist()
        assert row["cold"] == case.cold
        assert row["negatives"] == names[drawn].tolist()


def test_the_same_trial_gives_the_same_bytes(held: Trial, data: Path, tmp_path: Path) -> None:
    """Also when it is made anew; and it may be written over."""
    split_file.write(held, tmp_path / "a")
    split_file.write(trial(read(data), Config()), tmp_path / "b")
    split_file.write(held, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_tool_can_read_it(held: Trial, tmp_path: Path) -> None:
    """It is a Parquet like any other."""
    split_file.write(held, tmp_path / "split.parquet")
    table = pl.read_parquet(tmp_path / "split.parquet")
    assert table.columns == ["user_id", "positive", "history", "cold", "negatives"]
    assert len(table) == len(held.split.cases)


def test_its_own_trial_is_recognised(held: Trial, tmp_path: Path) -> None:
    """Nothing is raised."""
    split_file.write(held, tmp_path / "split.parquet")
    split_file.verify(held, tmp_path / "split.parquet")


def test_other_negatives_are_another_split(held: Trial, data: Path, tmp_path: Path) -> None:
    """Although training and cases are the same."""
    split_file.write(held, tmp_path / "split.parquet")
    full = trial(read(data), Config(), full_pool=True)
    assert full.split.fingerprint == held.split.fingerprint
    with pytest.raises(DataError, match="another split of the same data"):
        split_file.verify(full, tmp_path / "split.parquet")


def test_the_split_of_other_data_is_refused(held: Trial, tmp_path: Path) -> None:
    """The message says whose it is not."""
    split_file.write(held, tmp_path / "split.parquet")
    other = Trial(
        held.dataset.__class__(**{**vars(held.dataset), "fingerprint": "another"}),
        held.split, held.pool, held.negatives,
    )  # fmt: skip
    with pytest.raises(DataError, match="the split of other data"):
        split_file.verify(other, tmp_path / "split.parquet")


def test_a_changed_cell_is_damage(held: Trial, tmp_path: Path) -> None:
    """The fingerprint covers every cell."""
    path = tmp_path / "split.parquet"
    split_file.write(held, path)
    metadata = {k: v for k, v in pl.read_parquet_metadata(path).items() if k != "ARROW:schema"}
    table = pl.read_parquet(path)
    table.with_columns(~pl.col("cold")).write_parquet(path, metadata=metadata)
    with pytest.raises(DataError, match="is damaged"):
        split_file.read(path)
    table.drop("cold").write_parquet(path, metadata=metadata)
    with pytest.raises(DataError, match="another format"):
        split_file.read(path)


def test_what_is_no_split_is_refused(data: Path, tmp_path: Path) -> None:
    """A missing file, another Parquet, and something that is none."""
    with pytest.raises(DataError, match="cannot be read: No such file"):
        split_file.read(tmp_path / "missing")
    with pytest.raises(DataError, match="is not a split"):
        split_file.read(data / "items.parquet")
    (tmp_path / "text").write_text("not a table")
    with pytest.raises(DataError, match="is not a split"):
        split_file.read(tmp_path / "text")
