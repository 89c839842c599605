"""Small made-up files in the layouts that sources read."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from trainer.data import INTERACTIONS, ITEMS


def lines(path: Path, rows: Iterable[str], encoding: str = "utf-8") -> Path:
    """Write lines; zipped where the name says so."""
    data = "".join(f"{row}\n" for row in rows).encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def tags_of(folder: Path) -> dict[str, list[str]]:
    """Item → tags of a prepared folder."""
    items = pl.read_parquet(folder / ITEMS)
    return dict(zip(items["item_id"], items["tags"].to_list(), strict=True))


def taken(folder: Path) -> list[tuple[str, str, int]]:
    """User, item, time of a prepared folder, as they lie there."""
    columns = ("user_id", "item_id", "timestamp")
    return pl.read_parquet(folder / INTERACTIONS).select(columns).rows()
