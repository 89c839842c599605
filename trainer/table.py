"""A Parquet file that must have certain columns: checked, and scanned rather than loaded."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from trainer.errors import DataError

OPTIONAL = ("title", "type")  # columns of text that a table may lack, and cells may be empty
TEXTS = (pl.String(), pl.Categorical(), pl.Null())


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Within, the file is read; a file that cannot be raises DataError."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: name a folder that `couple data` wrote") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(f"{path} is not a readable Parquet file") from error


def scan(path: Path, types: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """A table that has these columns, of these types, without empty cells in them, and rows.

    Raises:
        DataError: it is not so.
    """
    with readable(path):
        table = pl.scan_parquet(path, glob=False)  # a folder may be named data[1]
        schema = table.collect_schema()
    for name, expected in types.items():
        _check_column(path, schema, name, expected)
    for name in OPTIONAL:
        if schema.get(name, pl.Null()) not in TEXTS:
            raise DataError(f"{path}: column {name!r} is {schema[name]}, not String")
    with readable(path):
        empty = table.select(pl.len().alias("rows"), *(pl.col(name).null_count() for name in types))
        counts = empty.collect(engine="streaming").row(0, named=True)
    if not counts["rows"]:
        raise DataError(f"{path} has no rows")
    for name in types:
        if counts[name]:
            raise DataError(f"{path}: column {name!r} has {counts[name]} empty cells")
    return table


def _check_column(path: Path, schema: pl.Schema, name: str, expected: pl.DataType) -> None:
    if name not in schema:
        raise DataError(f"{path} has no column {name!r}; it has {', '.join(schema)}")
    if schema[name] != expected:
        raise DataError(f"{path}: column {name!r} is {schema[name]}, not {expected}")
