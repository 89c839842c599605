"""The columns of somebody's Parquet file → the types we need; rows that do not fit are located.

Files are scanned, never loaded: whoever asks collects what they need in streams.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from trainer.errors import DataError
from trainer.sources.rows import SHOWN, Faults

LONGEST_ID = 128
TEXT = (pl.String, pl.Categorical, pl.Enum)
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


class Columns:
    """One Parquet file: expressions for its columns, and what makes a row malformed."""

    def __init__(self, path: Path) -> None:
        """Read the file's schema; raise DataError when it has none."""
        self.faults = Faults(path)
        try:
            self._table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            self._schema = self._table.collect_schema()
        except FileNotFoundError as error:
            raise DataError(f"{path} does not exist") from error
        except BROKEN as error:
            raise DataError(f"{path} is not a readable Parquet file") from error

    def __contains__(self, name: str) -> bool:
        return name in self._schema

    def id(self, name: str) -> pl.Expr:
        """Text or whole numbers, as text; raise DataError for another type."""
        if not self._type(name).is_integer() and self._type(name) not in TEXT:
            raise self._wrong(name, "String or a whole number")
        return pl.col(name).cast(pl.String).str.strip_chars()

    def text(self, name: str) -> pl.Expr:
        """Text, trimmed; empty where the file lacks the column or the cell says nothing."""
        if name not in self or self._type(name) == pl.Null:
            return pl.lit(None, pl.String)
        if self._type(name) not in TEXT:
            raise self._wrong(name, "String")
        trimmed = pl.col(name).cast(pl.String).str.strip_chars()
        return pl.when(trimmed != "").then(trimmed)

    def texts(self, name: str) -> pl.Expr:
        """A list of texts; an empty one where the file lacks the column or the cell is empty."""
        if name not in self or self._type(name) in (pl.Null, pl.List(pl.Null)):
            return pl.lit([], pl.List(pl.String))
        if self._type(name) != pl.List(pl.String):
            raise self._wrong(name, "List(String)")
        return pl.col(name).fill_null([]).list.drop_nulls()

    def number(self, name: str) -> pl.Expr:
        """A number; raise DataError for another type."""
        if not self._type(name).is_numeric():
            raise self._wrong(name, "a number")
        return pl.col(name).cast(pl.Float64)

    def seconds(self, *names: str) -> pl.Expr:
        """Whole seconds from the first of these columns: integers as they are, floats, or times."""
        name = next((name for name in names if name in self), names[0])
        kind = self._type(name)
        if kind.is_integer():
            return pl.col(name).cast(pl.Int64)
        if kind.is_float():
            return pl.col(name).floor().cast(pl.Int64, strict=False)
        if kind.is_temporal() and kind not in (pl.Time, pl.Duration):
            return pl.col(name).cast(pl.Datetime("us")).dt.epoch("s")
        raise self._wrong(name, "a whole number of seconds or a time")

    def rows(self, columns: Mapping[str, pl.Expr], needed: Sequence[str]) -> pl.LazyFrame:
        """These columns, without the malformed rows, which are counted: a needed cell is empty.

        Raises:
            DataError: the file is damaged.
        """
        table = self._table.with_row_index("row", offset=1).select("row", **columns)
        faults = [pl.when(_missing(name)).then(pl.lit(f"no {name}")) for name in needed]
        judged = table.with_columns(fault=pl.coalesce(faults))
        bad = judged.filter(pl.col("fault").is_not_null()).select("row", "fault")
        try:
            count = bad.select(pl.len()).collect(engine="streaming").item()
            first = bad.head(SHOWN).collect(engine="streaming") if count else bad.clear().collect()
        except BROKEN as error:
            raise DataError(f"{self.faults.path} is damaged: {str(error)[:200]}") from error
        for row, reason in first.iter_rows():
            self.faults.add(row, reason, 0)
        self.faults.count += count
        return judged.filter(pl.col("fault").is_null()).drop("fault", "row")

    def _type(self, name: str) -> pl.DataType:
        if name not in self._schema:
            found = ", ".join(self._schema)
            raise DataError(f"{self.faults.path} has no column {name!r}; it has {found}")
        return self._schema[name]

    def _wrong(self, name: str, expected: str) -> DataError:
        found = self._schema[name]
        return DataError(f"{self.faults.path}: column {name!r} is {found}, not {expected}")


def _missing(name: str) -> pl.Expr:
    """Whether a cell says nothing, or an id is too long."""
    column = pl.col(name)
    if name.endswith("_id"):
        return column.is_null() | ~column.str.len_chars().is_between(1, LONGEST_ID)
    return column.is_null()
