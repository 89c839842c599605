"""This process's index of the catalogue, and how far along the item log it stands.

Searches and changes take turns by living on one event loop. Upkeep comes from a thread of its own;
the index sees to it that the two never overlap.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from bundle.probe import Vectors
from index import ItemIndex, Stats
from service.catalogue import Entry
from service.errors import ServiceError
from service.item import Attributes, Item
from service.model import Model
from service.sequence import START, LogSequence, Position


class LogGap(ServiceError):
    """Entries between this replica's position and the log are gone."""


class Shelf:
    """An index that is filled from items and log entries."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.index = ItemIndex(model.manifest.dim)

    def put(self, items: Mapping[str, Item | None]) -> None:
        """Index what the model can recommend; forget the rest. None is a deletion."""
        targets = self._model.manifest.target_domains
        tagged = [
            (item, ids)
            for item in items.values()
            if item is not None and item.domain in targets and (ids := self._model.read(item))
        ]
        vectors = self._model.embed_items([ids for _, ids in tagged])
        sound = np.isfinite(vectors).all(axis=1) & np.any(vectors, axis=1)
        kept = [item for (item, _), keep in zip(tagged, sound, strict=True) if keep]
        stored = {item.item_id for item in kept}
        self.index.remove([item_id for item_id in items if item_id not in stored])
        self._upsert(kept, vectors[sound])

    def _upsert(self, items: Sequence[Item], vectors: Vectors) -> None:
        self.index.upsert(
            [item.item_id for item in items],
            vectors,
            expires_at=[item.expires_at for item in items],
            published_at=[item.published_at for item in items],
            attributes=[item.attributes for item in items],
        )


class Replica:
    """The shelf that answers, and its sequence: None until the first synchronisation."""

    def __init__(self, model: Model, now: Callable[[], float]) -> None:
        self._model = model
        self._now = now
        self._shelf = Shelf(model)
        self._moved = asyncio.Event()
        self.sequence: LogSequence | None = None

    @property
    def position(self) -> Position:
        return self.sequence.position if self.sequence else START

    def __len__(self) -> int:
        return len(self._shelf.index)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._shelf.index

    def take(self, shelf: Shelf, sequence: LogSequence) -> None:
        """Answer from another shelf from now on."""
        self._shelf = shelf
        self._move(sequence)

    def apply(self, entries: Sequence[Entry]) -> None:
        """Follow the log; raise LogGap, having changed nothing, when entries are missing."""
        if self.sequence is None or entries[0].prev != self.position:
            raise LogGap("the log does not continue where this replica stands")
        self._shelf.put(latest(entries))
        self._move(LogSequence(self.sequence.store, entries[-1].position))

    def forget_expired(self) -> None:
        """Drop what has expired; search leaves it out already."""
        self._shelf.index.expire(self._now())

    def maintain(self) -> Stats:
        """Measure and rebuild as needed; takes seconds, so from a thread of its own."""
        return self._shelf.index.maintain()

    def search(
        self, user: Vectors, k: int, exclude: Collection[str], filters: Attributes
    ) -> list[tuple[str, float]]:
        """User vectors [1, I, D] → up to k live (item id, score), the best first."""
        ids, scores = self._shelf.index.search(
            user, k, now=self._now(), exclude=[exclude], filters=filters or None
        )
        return [(id_, float(score)) for id_, score in zip(ids[0], scores[0], strict=True)]

    async def reach(self, wanted: LogSequence, timeout_s: float) -> bool:
        """Wait until the log has been followed to a place; False when that takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(wanted)
        except TimeoutError:
            return False
        return True

    async def _until(self, wanted: LogSequence) -> None:
        while not self.has(wanted):
            await self._moved.wait()

    def has(self, wanted: LogSequence) -> bool:
        """Whether the log has been followed to a place of this store."""
        at = self.sequence
        return at is not None and at.store == wanted.store and at.position >= wanted.position

    def _move(self, sequence: LogSequence) -> None:
        self.sequence = sequence
        self._moved.set()
        self._moved = asyncio.Event()


def latest(entries: Sequence[Entry]) -> dict[str, Item | None]:
    """What a run of entries leaves of each item."""
    return {entry.item_id: entry.item for entry in entries}
