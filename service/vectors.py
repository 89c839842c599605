"""A shelf of vectors: what one model makes of the catalogue, searchable.

Upkeep of the index comes from a thread of its own; the index sees to it that it never overlaps a
search or a change.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np

from bundle.probe import Vectors
from index import ItemIndex
from service.catalogue import Stored
from service.item import Attributes, Item
from service.model import Model


class Index(Protocol):
    """What is filled; see `index.ItemIndex`."""

    def remove(self, ids: Collection[str]) -> int:
        """Drop items."""

    def upsert(
        self,
        ids: Sequence[str],
        vectors: Vectors,
        *,
        expires_at: Sequence[float | None],
        published_at: Sequence[float | None],
        attributes: Sequence[Attributes],
    ) -> None:
        """Store items in place of what was known of them."""


class VectorShelf:
    """An index that is filled from items and log entries."""

    def __init__(self, model: Model, index: ItemIndex | None = None) -> None:
        """`index` holds this model's vectors already; by default none."""
        self._model = model
        self.index = ItemIndex(model.manifest.dim) if index is None else index

    def put(self, items: Mapping[str, Stored | None]) -> None:
        """Index what the model can recommend; forget the rest. None is a deletion."""
        facts = {id_: one.item if one else None for id_, one in items.items()}
        place(facts, self._model, self.index)

    def settle(self) -> None:
        """Give a large index its lists: without them every search looks at everything."""
        self.index.maintain()


def place(items: Mapping[str, Item | None], model: Model, index: Index) -> None:
    """Index of items what the model can recommend; forget the rest. None is a deletion."""
    targets = model.manifest.target_domains
    tagged = [
        (item, ids)
        for item in items.values()
        if item is not None and item.domain in targets and (ids := model.read(item))
    ]
    vectors = model.item_vectors([ids for _, ids in tagged])
    sound = np.isfinite(vectors).all(axis=1) & np.any(vectors, axis=1)
    kept = [item for (item, _), keep in zip(tagged, sound, strict=True) if keep]
    stored = {item.item_id for item in kept}
    index.remove([item_id for item_id in items if item_id not in stored])
    index.upsert(
        [item.item_id for item in kept],
        vectors[sound],
        expires_at=[item.expires_at for item in kept],
        published_at=[item.published_at for item in kept],
        attributes=[item.attributes for item in kept],
    )
