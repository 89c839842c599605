"""A prepared data folder → items with tags, and each user's items in order of time.

The folder holds `items.parquet`, `interactions.parquet` and `dataset.json` (docs: "Data sets").
Items and users are numbered from 0 here: V items, U users, E interactions; strings stay outside.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from bundle import normalise
from trainer.errors import DataError, first_fault

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

ITEMS = "items.parquet"
INTERACTIONS = "interactions.parquet"
DESCRIPTION = "dataset.json"

# Events that say a user liked the item; the service's drained stream holds others too.
POSITIVE_TYPES = ("click", "like", "finish", "purchase")

OPTIONAL = ("title", "type")  # columns of text that a table may lack, and cells may be empty
TEXTS = (pl.String(), pl.Categorical(), pl.Null())


class Description(BaseModel):
    """`dataset.json`: what cannot be read off the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    target_domain: str | None = None
    split: Literal["paper", "cold"] = "cold"
    notes: str = ""


class Sequences:
    """Rows of item numbers of different lengths, laid end to end; row u is user u's items."""

    def __init__(self, items: Numbers, starts: Numbers) -> None:
        """Take items [E] and the offsets [U + 1] at which each row starts."""
        self.items = items
        self.starts = starts

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | Numbers]) -> "Sequences":
        """Lay the given rows end to end."""
        arrays = [np.asarray(row, dtype=np.int64) for row in rows]
        lengths = np.fromiter(map(len, arrays), dtype=np.int64, count=len(arrays))
        items = np.concatenate([*arrays, np.zeros(0, np.int64)])
        return cls(items, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def only(self, kept: Flags) -> "Sequences":
        """Without the items that are not kept; a row may become empty. `kept` is [V]."""
        stays = kept[self.items]
        before = np.concatenate([[0], np.cumsum(stays)])
        return Sequences(self.items[stays], before[self.starts])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, user: int) -> Numbers:
        return self.items[self.starts[user] : self.starts[user + 1]]

    def counts(self, size: int) -> Numbers:
        """How often each of `size` items occurs: [V]."""
        return np.bincount(self.items, minlength=size).astype(np.int64)


@dataclass(frozen=True)
class Dataset:
    """A whole data set in memory."""

    description: Description
    target_domain: str
    domains: tuple[str, ...]
    item_ids: tuple[str, ...]
    item_domains: Numbers  # [V], index into `domains`
    tags: tuple[tuple[str, ...], ...]  # normalised, each once
    titles: tuple[str | None, ...]
    user_ids: tuple[str, ...]
    sequences: Sequences  # oldest first, every item once
    unknown_items: int  # interactions left out because items.parquet lacks the item
    fingerprint: str  # of the content: the same wherever the folder lies

    @property
    def is_target(self) -> Flags:
        """Which items belong to the target domain: [V]."""
        found: Flags = self.item_domains == self.domains.index(self.target_domain)
        return found


def read(folder: Path, target_domain: str | None = None) -> Dataset:
    """Read and check a prepared data folder.

    Raises:
        DataError: a file is missing, lacks a column, has another type or is empty; or the target
            domain is not named or not among the items (the message lists those found).
    """
    description = _description(folder / DESCRIPTION)
    items = _items(folder / ITEMS)
    domains = tuple(items["domain"].unique().sort())
    target = _target(target_domain or description.target_domain, domains)
    users, sequences, unknown = _sequences(folder / INTERACTIONS, items)
    tags = tuple(_normalised(row) for row in items["tags"].to_list())
    titles = items["title"].to_list() if "title" in items.columns else [None] * len(items)
    numbers = {domain: number for number, domain in enumerate(domains)}
    dataset = Dataset(
        description=description,
        target_domain=target,
        domains=domains,
        item_ids=tuple(items["item_id"]),
        item_domains=np.array([numbers[d] for d in items["domain"]], dtype=np.int64),
        tags=tags,
        titles=tuple(titles),
        user_ids=users,
        sequences=sequences,
        unknown_items=unknown,
        fingerprint=_fingerprint(target, items, tags, users, sequences),
    )
    if not dataset.is_target[sequences.items].any():
        raise DataError(f"{folder}: no interaction with an item of the target domain {target!r}")
    return dataset


def _description(path: Path) -> Description:
    try:
        return Description.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Description(name=path.parent.name)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise DataError(f"{path}: {first_fault(error)}") from error


def _table(path: Path, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """Read a Parquet file that must have these columns, of these types, without empty cells."""
    try:
        table = pl.read_parquet(path, glob=False)  # a folder may be named data[1]
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: name a folder that `couple data` wrote") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(f"{path} is not a readable Parquet file") from error
    for name, expected in types.items():
        _check_column(path, table, name, expected)
    for name in OPTIONAL:
        if table.schema.get(name, pl.Null()) not in TEXTS:
            raise DataError(f"{path}: column {name!r} is {table.schema[name]}, not String")
    if table.is_empty():
        raise DataError(f"{path} has no rows")
    return table


def _check_column(path: Path, table: pl.DataFrame, name: str, expected: pl.DataType) -> None:
    if name not in table.columns:
        found = ", ".join(table.columns)
        raise DataError(f"{path} has no column {name!r}; it has {found}")
    if table.schema[name] != expected:
        raise DataError(f"{path}: column {name!r} is {table.schema[name]}, not {expected}")
    if empty := table[name].null_count():
        raise DataError(f"{path}: column {name!r} has {empty} empty cells")


def _items(path: Path) -> pl.DataFrame:
    text = pl.String()
    table = _table(path, {"item_id": text, "domain": text, "tags": pl.List(text)})
    if table["item_id"].is_duplicated().any():
        first = table.filter(pl.col("item_id").is_duplicated())["item_id"][0]
        raise DataError(f"{path} has item {first!r} more than once")
    return table.sort("item_id")


def _target(name: str | None, domains: tuple[str, ...]) -> str:
    found = ", ".join(domains)
    if name is None:
        raise DataError(f"no target domain: give --set target_domain=NAME, one of {found}")
    if name not in domains:
        raise DataError(f"there is no domain {name!r} among the items; they have {found}")
    return name


def _sequences(path: Path, items: pl.DataFrame) -> tuple[tuple[str, ...], Sequences, int]:
    text = pl.String()
    table = _table(path, {"user_id": text, "item_id": text, "timestamp": pl.Int64()})
    if "type" in table.columns:
        table = table.filter(pl.col("type").is_in(POSITIVE_TYPES))
    numbered = items.select("item_id").with_row_index("item")
    known = table.join(numbered, on="item_id", maintain_order="left")
    once = known.sort("user_id", "timestamp", maintain_order=True).unique(
        ["user_id", "item_id"], keep="first", maintain_order=True
    )
    if once.is_empty():
        raise DataError(f"{path}: no interaction is with an item of {ITEMS}")
    lengths = once.group_by("user_id", maintain_order=True).len()
    starts = np.concatenate([[0], lengths["len"].cast(pl.Int64).cum_sum().to_numpy()])
    sequences = Sequences(once["item"].cast(pl.Int64).to_numpy(), starts.astype(np.int64))
    return tuple(lengths["user_id"]), sequences, len(table) - len(known)


def _normalised(tags: Sequence[str | None]) -> tuple[str, ...]:
    names = (normalise(tag) for tag in tags if tag)
    return tuple(dict.fromkeys(name for name in names if name))


def _fingerprint(
    target: str,
    items: pl.DataFrame,
    tags: tuple[tuple[str, ...], ...],
    users: tuple[str, ...],
    sequences: Sequences,
) -> str:
    text = [target, items["item_id"].to_list(), items["domain"].to_list(), tags, users]
    found = hashlib.sha256(json.dumps(text, ensure_ascii=False).encode())
    found.update(sequences.starts.tobytes())
    found.update(sequences.items.tobytes())
    return found.hexdigest()
