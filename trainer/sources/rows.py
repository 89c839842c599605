"""The rows of a text file, one a line, plain or gzip: none is lost without a word.

A file can be larger than the memory, so rows pass through one by one, and into Parquet in parts.
A line that cannot be read is counted and located; a file that is not what it should be at all is
an error of one sentence.
"""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from trainer.errors import DataError

T = TypeVar("T")
SHOWN = 5  # malformed rows that are named
PROBE = 20  # as many malformed rows before the first good one: it is another kind of file
PART = 200_000  # rows of a part on disk
WEB_PAGE = (b"<!doctype", b"<html", b"<?xml")


@dataclass
class Faults:
    """The malformed rows of one file: how many, and where the first few stand."""

    path: Path
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, row: int, reason: str, rows: int = 1) -> None:
        """Count rows of which the first, counted from 1, is this one."""
        self.count += rows
        if len(self.first) < SHOWN:
            self.first.append(f"{row}: {reason}")

    def __str__(self) -> str:
        plural = "" if self.count == 1 else "s"
        more = "; …" if self.count > len(self.first) else ""
        shown = "; ".join(self.first)
        return f"{self.path}: {self.count:,} malformed row{plural} left out: {shown}{more}"


class Rows(Generic[T]):
    """Read lines with a parser that raises ValueError for a malformed one; iterate it once.

    `layout` completes the sentence "… is not …". A parser's None is no row, such as a header.
    """

    def __init__(
        self, path: Path, layout: str, parse: Callable[[str], T | None], encoding: str = "utf-8"
    ) -> None:
        self.faults = Faults(path)
        self._layout = layout
        self._parse = parse
        self._encoding = encoding

    def __iter__(self) -> Iterator[T]:
        """Yield the good rows.

        Raises:
            DataError: the file is missing, empty, damaged, a web page or of another layout.
        """
        good = 0
        for number, line in enumerate(_lines(self.faults.path), start=1):
            if (row := self._row(number, line)) is not None:
                good += 1
                yield row
            elif not good and self.faults.count >= PROBE:
                self._refuse()
        if not good:
            self._refuse()

    def _row(self, number: int, line: bytes) -> T | None:
        try:
            text = line.decode(self._encoding).strip("\r\n")
            return self._parse(text) if text.strip() else None
        except ValueError as error:  # UnicodeDecodeError is one
            reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            self.faults.add(number, reason)
            return None

    def _refuse(self) -> None:
        if not self.faults.first:
            raise DataError(f"{self.faults.path} has no rows: it should be {self._layout}")
        raise DataError(f"{self.faults.path} is not {self._layout}; line {self.faults.first[0]}")


class Csv(Generic[T]):
    """A parser for `Rows`: the first line names the columns, in any order; others are ignored."""

    def __init__(self, columns: Sequence[str], make: Callable[[Sequence[str]], T]) -> None:
        """Take the columns that `make` gets; it raises ValueError for a malformed row."""
        self._columns = columns
        self._make = make
        self._places: list[int] = []
        self._width = 0

    def __call__(self, line: str) -> T | None:
        """Read one line."""
        try:
            cells = next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise ValueError(str(error)) from error
        if not self._places:
            self._find(cells)
            return None
        if len(cells) != self._width:
            raise ValueError(f"{len(cells)} fields, not {self._width}")
        return self._make([cells[place] for place in self._places])

    def _find(self, names: list[str]) -> None:
        found = [name.removeprefix("\ufeff").strip() for name in names]
        if missing := [name for name in self._columns if name not in found]:
            raise ValueError(f"no column {missing[0]!r}")
        self._places = [found.index(name) for name in self._columns]
        self._width = len(names)


def number(text: object) -> float:
    """A number; raise ValueError in words."""
    try:
        if (found := float(str(text))) - found == 0:  # neither nan nor infinite
            return found
    except ValueError:
        pass
    raise ValueError(f"{str(text)[:40]!r} is not a number")


def whole(text: object) -> int:
    """A whole number; raise ValueError in words."""
    return int(number(text))


def named(text: object) -> str:
    """An id: 1 to 128 characters; raise ValueError in words."""
    found = str(text).strip() if isinstance(text, (str, int)) else ""
    if not 1 <= len(found) <= 128:
        raise ValueError("no id of 1 to 128 characters")
    return found


def spool(
    rows: Iterable[Sequence[Any]], schema: Mapping[str, pl.DataType], folder: Path
) -> pl.LazyFrame:
    """Write rows to Parquet files in a new folder, a part at a time, and scan them."""
    folder.mkdir(parents=True)
    files: list[Path] = []
    left = iter(rows)
    while part := list(islice(left, PART)):
        files.append(folder / f"{len(files)}.parquet")
        pl.DataFrame(part, schema=dict(schema), orient="row").write_parquet(files[-1])
    return pl.scan_parquet(files, glob=False)  # a folder may be named data[1]


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with _opened(path) as file:
            yield from file
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is cut short or damaged: download it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _opened(path: Path) -> BufferedIOBase:
    with path.open("rb") as file:
        begin = file.read(256)
    if begin.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    if begin.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(WEB_PAGE):
        raise DataError(f"{path} is a web page, not data: download it again")
    if path.suffix == ".gz":
        raise DataError(f"{path} is no gzip file: download it again, or rename it without .gz")
    return path.open("rb")
