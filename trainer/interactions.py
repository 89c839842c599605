"""`interactions.parquet` → each user's items in order of time.

The table never is in memory. A first pass counts each user's events; in a second they come by in
parts, as numbers, and each goes to its place among its user's. So 10⁸ events take 1.2 GB until they
are in order, and .4 GB then. Polars reads row group after row group, of the columns that are asked.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.sequences import PART, Numbers, Sequences, offsets
from trainer.table import readable, scan

# Events that say a user liked the item; the service's drained stream holds others too.
POSITIVE_TYPES = ("click", "like", "finish", "purchase")

COLUMNS = {"user_id": pl.String(), "item_id": pl.String(), "timestamp": pl.Int64()}


class Interactions(NamedTuple):
    """Who chose what."""

    users: pl.Series  # their ids [U], ascending
    sequences: Sequences  # oldest first, every item once
    unknown: int  # events left out because their item is not known


def read(path: Path, item_ids: pl.Series) -> Interactions:
    """Read a table; items are numbered by their place in `item_ids`, in which each stands once.

    Raises:
        DataError: no readable table of these columns, no event is with one of the items, or the
            file is replaced meanwhile.
    """
    events = scan(path, COLUMNS)
    with readable(path):
        if "type" in events.collect_schema():
            events = events.filter(pl.col("type").is_in(POSITIVE_TYPES))
        items = _numbered(item_ids, "item")
        known = events.join(items, on="item_id", maintain_order="left")
        users = known.group_by("user_id").len().sort("user_id").collect(engine="streaming")
        if users.is_empty():
            raise DataError(f"{path}: no interaction is with an item of items.parquet")
        total: int = events.select(pl.len()).collect(engine="streaming").item()
        starts = offsets(users["len"].cast(pl.Int64).to_numpy())
        named = known.join(_numbered(users["user_id"], "user"), on="user_id", maintain_order="left")
        placed = _placed(named.select("user", "item", "timestamp"), starts)
        if placed is None:
            raise DataError(f"{path} changed while it was read: run the same command again")
    return Interactions(users["user_id"], _in_order(*placed, starts), total - int(starts[-1]))


def _numbered(ids: pl.Series, name: str) -> pl.LazyFrame:
    return ids.to_frame().lazy().with_row_index(name)


def _placed(events: pl.LazyFrame, starts: Numbers) -> tuple[NDArray[np.int32], Numbers] | None:
    """Items and times by user, each user's in the order of the file: [E] and [E].

    None where users have not as many events as they had.
    """
    items, times = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.int64)
    following = starts[:-1].copy()
    for part in events.collect_batches(chunk_size=PART, maintain_order=True, engine="streaming"):
        ordered = part.sort("user", maintain_order=True)
        user = ordered["user"].to_numpy()
        some, first, size = np.unique(user, return_index=True, return_counts=True)
        if (following[some] + size > starts[some + 1]).any():
            return None
        place = following[user] + np.arange(len(user)) - np.repeat(first, size)
        items[place], times[place] = ordered["item"].to_numpy(), ordered["timestamp"].to_numpy()
        following[some] += size
    return (items, times) if np.array_equal(following, starts[1:]) else None


def _in_order(items: NDArray[np.int32], times: Numbers, starts: Numbers) -> Sequences:
    """Sort each user's events by time and keep an item's first; overwrites `items`."""
    lengths, end = np.zeros(len(starts) - 1, dtype=np.int64), 0
    for first, last in _blocks(starts):
        here = slice(starts[first], starts[last])
        user = np.repeat(np.arange(last - first), np.diff(starts[first : last + 1]))
        block = pl.DataFrame({"user": user, "item": items[here], "time": times[here]})
        once = block.sort("user", "time", maintain_order=True).unique(
            ["user", "item"], keep="first", maintain_order=True
        )
        items[end : end + len(once)] = once["item"].to_numpy()
        lengths[first:last] = np.bincount(once["user"].to_numpy(), minlength=last - first)
        end += len(once)
    return Sequences(items[:end], offsets(lengths))


def _blocks(starts: Numbers) -> Iterator[tuple[int, int]]:
    """Users from … to … (left out) who have some PART events together; at least one user."""
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + PART, side="right")) - 1
        yield first, max(first + 1, last)
        first = max(first + 1, last)
