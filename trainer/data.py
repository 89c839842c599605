"""A prepared data folder → items with tags, and each user's items in order of time.

The folder holds `items.parquet`, `interactions.parquet` and `dataset.json` (docs: "Data sets").
Items and users are numbered from 0 here: V items, U users, E interactions; strings stay outside.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from bundle import normalise
from trainer import interactions
from trainer.errors import DataError, first_fault
from trainer.sequences import Flags, Numbers, Sequences, digits
from trainer.table import readable, scan

ITEMS = "items.parquet"
INTERACTIONS = "interactions.parquet"
DESCRIPTION = "dataset.json"
SOME = 100_000  # texts at a time: all of them at once take several times their own size

Load = Callable[[Path, pl.Series], interactions.Interactions]


class Description(BaseModel):
    """`dataset.json`: what cannot be read off the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    target_domain: str | None = None
    split: Literal["paper", "cold"] = "cold"
    notes: str = ""


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


def read(folder: Path, target_domain: str | None = None, load: Load = interactions.read) -> Dataset:
    """Read and check a prepared data folder; its interactions come by way of `load`.

    Raises:
        DataError: a file is missing, lacks a column, has another type or is empty; or the target
            domain is not named or not among the items (the message lists those found).
    """
    description = _description(folder / DESCRIPTION)
    items = _items(folder / ITEMS)
    domains = tuple(items["domain"].unique().sort())
    target = _target(target_domain or description.target_domain, domains)
    found = load(folder / INTERACTIONS, items["item_id"])
    users, sequences = tuple(found.users), found.sequences
    tags = _tags(items["tags"])
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
        unknown_items=found.unknown,
        fingerprint=_fingerprint(target, items, tags, users, sequences),
    )
    if not dataset.is_target[sequences.met()].any():
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


def _items(path: Path) -> pl.DataFrame:
    text = pl.String()
    found = scan(path, {"item_id": text, "domain": text, "tags": pl.List(text)})
    with readable(path):
        table = found.collect()
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


def _tags(column: pl.Series) -> tuple[tuple[str, ...], ...]:
    """Each item's tags, normalised; items that share one share its text."""
    known = cache(normalise)
    found: list[tuple[str, ...]] = []
    for start in range(0, len(column), SOME):
        for row in column[start : start + SOME].to_list():
            names = map(known, filter(None, row))
            found.append(tuple(dict.fromkeys(filter(None, names))))
    return tuple(found)


def _fingerprint(
    target: str,
    items: pl.DataFrame,
    tags: tuple[tuple[str, ...], ...],
    users: tuple[str, ...],
    sequences: Sequences,
) -> str:
    """SHA-256 of a JSON list of the texts, then of both arrays as int64."""
    found = hashlib.sha256(f"[{json.dumps(target, ensure_ascii=False)}".encode())
    for texts in (items["item_id"], items["domain"], tags, users):
        for part in _listed(texts):
            found.update(part.encode())
    found.update(b"]")
    for numbers in (sequences.starts, sequences.items):
        for digit in digits(numbers):
            found.update(digit)
    return found.hexdigest()


def _listed(texts: pl.Series | Sequence[object]) -> Iterator[str]:
    """JSON of the next entry of a list that is a list itself, in parts."""
    yield ", ["
    for start in range(0, len(texts), SOME):
        some = list(texts[start : start + SOME])
        yield (", " if start else "") + json.dumps(some, ensure_ascii=False)[1:-1]
    yield "]"
