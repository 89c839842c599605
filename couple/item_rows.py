"""The rows of an items.parquet → items as POST /items takes them, in the file's order.

The file is read in slices, never whole. Only columns and their types are judged here; what an item
may be is for the service to say.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import polars as pl

from bundle.errors import CoupleError

SLICE = 50_000  # rows at a time: each slice decodes its row group again
NEEDED = ("item_id", "domain", "tags")
TEXT = (pl.String, pl.Categorical, pl.Enum)
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)

Row = tuple[int, dict[str, Any]]  # its number in the file, from 1; the item, ready for JSON


class WrongFile(CoupleError):
    """A file that holds no items, or not in the form that is needed."""


class ItemRows:
    """One Parquet file of items."""

    def __init__(self, path: Path) -> None:
        """Read its schema.

        Raises:
            WrongFile: it does not exist, is no Parquet, lacks a column or has one of another type.
        """
        self._path = path
        try:
            self._table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            schema = self._table.collect_schema()
            self.count = int(self._table.select(pl.len()).collect().item())
        except FileNotFoundError as error:
            raise WrongFile(f"{path} does not exist") from error
        except BROKEN as error:
            raise WrongFile(f"{path} is not a readable Parquet file") from error
        self._columns = [name for name in schema if name in TYPES]
        self.ignored = [name for name in schema if name not in TYPES]
        self._check(schema)

    def fingerprint(self) -> str:
        """The sha256 of the file's bytes."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def batches(self, start: int, size: int) -> Iterator[list[Row]]:
        """The rows after the first `start`, up to `size` at a time.

        Raises:
            WrongFile: the file is damaged.
        """
        for offset in range(start, self.count, SLICE):
            table = self._slice(offset)
            for first in range(0, len(table), size):
                part = table.slice(first, size).iter_rows(named=True)
                yield [(number, _item(row)) for number, row in enumerate(part, offset + first + 1)]

    def _slice(self, offset: int) -> pl.DataFrame:
        try:
            return self._table.select(self._columns).slice(offset, SLICE).collect()
        except BROKEN as error:
            raise WrongFile(f"{self._path} is damaged after row {offset:,}") from error

    def _check(self, schema: pl.Schema) -> None:
        if lacking := [name for name in NEEDED if name not in schema]:
            found = ", ".join(schema) or "none at all"
            raise WrongFile(f"{self._path} has no column {lacking[0]!r}; it has {found}")
        for name in self._columns:
            fits, wanted = TYPES[name]
            if schema[name] != pl.Null and not fits(schema[name]):
                found = f"is {schema[name]}, not {wanted}"
                raise WrongFile(f"{self._path}: column {name!r} {found}")


def _is_text(kind: pl.DataType) -> bool:
    return kind in TEXT


def _is_id(kind: pl.DataType) -> bool:
    return kind in TEXT or kind.is_integer()


def _is_texts(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.List) and (kind.inner in TEXT or kind.inner == pl.Null)


def _is_time(kind: pl.DataType) -> bool:
    if kind.is_temporal():
        return kind not in (pl.Time, pl.Duration)
    return kind in TEXT or kind.is_integer() or kind.is_float()


def _is_attributes(kind: pl.DataType) -> bool:
    """A struct, or a map, which polars reads as a list of structs of key and value."""
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
        return {field.name for field in kind.inner.fields} == {"key", "value"}
    return isinstance(kind, pl.Struct)


def _is_whole(kind: pl.DataType) -> bool:
    return kind.is_integer()


TIME = (_is_time, "a time, RFC 3339 text or seconds since 1970")
# What each column may be.
TYPES: dict[str, tuple[Callable[[pl.DataType], bool], str]] = {
    "item_id": (_is_id, "String or a whole number"),
    "domain": (_is_text, "String"),
    "tags": (_is_texts, "List(String)"),
    "title": (_is_text, "String"),
    "author_id": (_is_id, "String or a whole number"),
    "published_at": TIME,
    "expires_at": TIME,
    "attributes": (_is_attributes, "a struct or a map"),
    "version": (_is_whole, "a whole number"),
}


def _item(row: dict[str, Any]) -> dict[str, Any]:
    """Without what the row does not say."""
    readers = ((name, READERS.get(name), value) for name, value in row.items() if value is not None)
    return {name: read(value) if read else value for name, read, value in readers}


def _time(value: Any) -> Any:
    """RFC 3339 in UTC, which a time without a zone is in; what is no time stays as it is."""
    if isinstance(value, str):
        return value
    try:
        if isinstance(value, int | float):
            value = datetime.fromtimestamp(value, UTC)
        elif not isinstance(value, datetime):
            value = datetime.combine(value, time())
        zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
        return zoned.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return value


def _attributes(value: dict[str, Any] | list[dict[str, Any]]) -> dict[str, Any]:
    pairs = value if isinstance(value, list) else [{"key": k, "value": v} for k, v in value.items()]
    return {str(pair["key"]): pair["value"] for pair in pairs if pair["value"] is not None}


READERS: dict[str, Callable[[Any], Any]] = {
    "item_id": str,
    "author_id": str,
    "tags": lambda tags: [tag for tag in tags if tag is not None],
    "published_at": _time,
    "expires_at": _time,
    "attributes": _attributes,
}
