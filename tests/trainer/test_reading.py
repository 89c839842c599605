"""A drained folder is read like the folder that would be prepared from it."""

from pathlib import Path

import polars as pl
import pytest

from trainer import data
from trainer.errors import DataError
from trainer.reading import read
from trainer.sources import parquet


@pytest.fixture
def drained(tmp_path: Path) -> Path:
    """Two days, two domains, a record of recommendations beside one."""
    folder = tmp_path / "events"
    for day in (24, 25):
        batch = folder / f"day=2026-11-{day}" / f"{day}-0_{day}-9"
        batch.mkdir(parents=True)
        rows = [(f"u{n % 3}", f"{domain}{day}{n}", domain, [domain, f"tag {n}"], float(n))
                for n in range(6) for domain in ("video", "product")]  # fmt: skip
        names = ["user_id", "item_id", "domain", "tags", "time"]
        table = pl.DataFrame(rows, schema=names, orient="row").with_columns(type=pl.lit("click"))
        table.write_parquet(batch / "events.parquet")
    pl.DataFrame({"request_id": ["r"]}).write_parquet(batch / "recommendations.parquet")
    (folder / "drain.lock").touch()
    return folder


def test_a_drained_folder_needs_no_step_between(drained: Path, tmp_path: Path) -> None:
    """The same data set, to the fingerprint; nothing is left in the drain's folder."""
    before = sorted(drained.rglob("*"))
    parquet.prepare(drained, tmp_path / "data", "video")
    assert read(drained, "video").fingerprint == data.read(tmp_path / "data").fingerprint
    assert sorted(drained.rglob("*")) == before


def test_a_prepared_folder_is_read_as_it_is(drained: Path, tmp_path: Path) -> None:
    parquet.prepare(drained, tmp_path / "data", "video")
    assert read(tmp_path / "data").fingerprint == data.read(tmp_path / "data").fingerprint


def test_the_target_domain_must_be_named(drained: Path, tmp_path: Path) -> None:
    """The domains found are listed; a folder that is neither kind is refused as ever."""
    with pytest.raises(DataError, match="target_domain=NAME, one of product, video"):
        read(drained)
    with pytest.raises(DataError, match="name a folder that `couple data` wrote"):
        read(tmp_path)
