"""Inner-product search over string ids. Knows nothing of tags, HTTP or Redis."""

from index.attributes import Attributes
from index.errors import (
    DuplicateId,
    InvalidK,
    InvalidTime,
    ItemIndexError,
    NotFinite,
    WrongShape,
    ZeroVector,
)
from index.exact import ItemIndex

__all__ = [
    "Attributes",
    "DuplicateId",
    "InvalidK",
    "InvalidTime",
    "ItemIndex",
    "ItemIndexError",
    "NotFinite",
    "WrongShape",
    "ZeroVector",
]
