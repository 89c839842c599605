"""Tag ids and item ids → padded arrays. The only place that pads or cuts.

Shapes: B batch, L items of a history, N tags of an item, M items of a history by their ids. Padding
is 0, on the right; items stand oldest first. The manifest's L, N and M are maxima: arrays are only
as wide as their content.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def pad(
    values: NDArray[Any], lengths: Ids, width: int, keep: Literal["first", "last"]
) -> NDArray[Any]:
    """Lay rows that follow one another, values [sum(lengths), ...], out as [B, W, ...].

    A row longer than `width` keeps its first or last values; W = the longest row kept, 1 at least.
    """
    kept = np.minimum(lengths, width)
    first = np.cumsum(lengths) - (kept if keep == "last" else lengths)
    columns = np.arange(max(1, int(kept.max(initial=0))))
    real = columns < kept[:, None]  # [B, W]
    out = np.zeros((*real.shape, *values.shape[1:]), dtype=values.dtype)
    out[real] = values[(first[:, None] + columns)[real]]
    return out


def pad_items(items: Sequence[Sequence[int]], max_tags: int) -> Ids:
    """Tag ids of B items → int64 [B, ≤ N]; an item keeps its first N tags."""
    return pad(*_flat(items), max_tags, keep="first")


def pad_item_ids(histories: Sequence[Sequence[int]], max_history: int) -> Ids:
    """Item ids of B users' histories, each oldest item first → int64 [B, ≤ M].

    The newest M entries are kept, unknown ones (0) among them: an item needs no known tag to be
    remembered. An empty history is one 0. A newest entry that is unknown reads like padding, so
    ages count from the newest known one. Columns are not those of `pad_histories`, which leaves
    items without a known tag out.
    """
    return pad(*_flat(histories), max_history, keep="last")


def pad_histories(
    histories: Sequence[Sequence[Sequence[int]]], max_items: int, max_tags: int
) -> Ids:
    """Histories of B users, each oldest item first → int64 [B, ≤ L, ≤ N].

    Items without a known tag are left out, then the newest L are kept. An empty history is a row
    of zeros; the user tower answers it with a finite vector.
    """
    known = [[item for item in history if item] for history in histories]
    lengths = np.fromiter(map(len, known), dtype=np.int64, count=len(known))
    items = pad_items(list(chain.from_iterable(known)), max_tags)
    return pad(items, lengths, max_items, keep="last")


def _flat(rows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """All values in one line, and the length of each row."""
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    return np.fromiter(chain.from_iterable(rows), np.int64, count=int(lengths.sum())), lengths
