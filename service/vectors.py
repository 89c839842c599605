"""A shelf of vectors: what one model makes of the catalogue, searchable.

Upkeep of the index comes from a thread of its own; the index sees to it that it never overlaps a
search or a change.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bundle.probe import Vectors
from index import ItemIndex
from service.catalogue import Stored
from service.item import Item
from service.model import Model


class VectorShelf:
    """An index that is filled from items and log entries."""

    def __init__(self, model: Model, index: ItemIndex | None = None) -> None:
        """`index` holds this model's vectors already; by default none."""
        self._model = model
        self.index = ItemIndex(model.manifest.dim) if index is None else index

    def put(self, items: Mapping[str, Stored | None]) -> None:
        """Index what the model can recommend; forget the rest. None is a deletion."""
        targets = self._model.manifest.target_domains
        tagged = [
            (one.item, ids)
            for one in items.values()
            if one is not None
            and one.item.domain in targets
            and (ids := self._model.reading(one.item).ids)
        ]
        vectors = self._model.item_vectors([ids for _, ids in tagged])
        sound = np.isfinite(vectors).all(axis=1) & np.any(vectors, axis=1)
        kept = [item for (item, _), keep in zip(tagged, sound, strict=True) if keep]
        stored = {item.item_id for item in kept}
        self.index.remove([item_id for item_id in items if item_id not in stored])
        self._upsert(kept, vectors[sound])

    def settle(self) -> None:
        """Give a large index its lists: without them every search looks at everything."""
        self.index.maintain()

    def _upsert(self, items: Sequence[Item], vectors: Vectors) -> None:
        self.index.upsert(
            [item.item_id for item in items],
            vectors,
            expires_at=[item.expires_at for item in items],
            published_at=[item.published_at for item in items],
            attributes=[item.attributes for item in items],
        )
