"""Inner-product search over string ids. Knows nothing of tags, HTTP or Redis."""

from index.attributes import Attributes
from index.errors import (
    DuplicateId,
    InvalidK,
    InvalidRecall,
    InvalidTime,
    ItemIndexError,
    NoSnapshot,
    NotFinite,
    SnapshotError,
    SnapshotRefused,
    WrongShape,
    ZeroVector,
)
from index.item_index import ItemIndex, Restored
from index.structure import Stats

__all__ = [
    "Attributes",
    "DuplicateId",
    "InvalidK",
    "InvalidRecall",
    "InvalidTime",
    "ItemIndex",
    "ItemIndexError",
    "NoSnapshot",
    "NotFinite",
    "Restored",
    "SnapshotError",
    "SnapshotRefused",
    "Stats",
    "WrongShape",
    "ZeroVector",
]
