"""A model and the index of its vectors, as one reference.

A vector of one model against an index of another is wrong at the same dimension, and nothing would
say so. Hence whoever recommends takes one generation at the start and nothing from another.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from bundle.probe import Vectors
from service.item import Attributes
from service.model import Model
from service.replica import Replica
from service.sequence import LogSequence
from service.vectors import VectorShelf

BYTES_AN_ITEM = 220  # beside its vector: id, times, attributes, places


@dataclass(frozen=True)
class Generation:
    """Everything of one model; `replica` follows the log."""

    model: Model
    replica: Replica[VectorShelf]
    now: Callable[[], float]

    @classmethod
    def of(cls, model: Model, now: Callable[[], float]) -> "Generation":
        """With an index that is still empty; `now` gives epoch seconds."""
        return cls(model, Replica(lambda: VectorShelf(model)), now)

    @property
    def version(self) -> str:
        return self.model.manifest.version

    @property
    def sequence(self) -> LogSequence | None:
        """How far its index has followed the log; None until it holds the catalogue."""
        return self.replica.sequence

    @property
    def bytes(self) -> int:
        """About what it takes of this process: graphs and index (docs/index.md, Memory)."""
        item = 2 * self.model.manifest.dim + BYTES_AN_ITEM
        return self.model.graph_bytes + self.count * item

    @property
    def count(self) -> int:
        """Items in its index, live or not."""
        return len(self.replica.shelf.index)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self.replica.shelf.index

    def search(
        self, user: Vectors, k: int, exclude: Collection[str], filters: Attributes
    ) -> list[tuple[str, float]]:
        """User vectors [1, I, D] → up to k live (item id, score), the best first."""
        ids, scores = self.replica.shelf.index.search(
            user, k, now=self.now(), exclude=[exclude], filters=filters or None
        )
        return [(id_, float(score)) for id_, score in zip(ids[0], scores[0], strict=True)]

    def forget_expired(self) -> None:
        """Drop what has expired, which search leaves out already; for a thread of its own."""
        self.replica.shelf.index.expire(self.now())
