"""A model and the index of its vectors, as one reference.

A vector of one model against an index of another is wrong at the same dimension, and nothing would
say so. Hence whoever recommends takes one generation at the start and nothing from another.
"""

from dataclasses import dataclass

from bundle.probe import Vectors
from service.model import Model
from service.replica import Replica
from service.sequence import LogSequence
from service.terms import Terms
from service.vectors import VectorShelf

BYTES_AN_ITEM = 220  # beside its vector: id, times, attributes, places


@dataclass(frozen=True)
class Generation:
    """Everything of one model; `replica` follows the log."""

    model: Model
    replica: Replica[VectorShelf]

    @classmethod
    def of(cls, model: Model) -> "Generation":
        """With an index that is still empty."""
        return cls(model, Replica(lambda: VectorShelf(model)))

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

    def search(self, user: Vectors, k: int, terms: Terms) -> list[tuple[str, float]]:
        """User vectors [1, I, D] → up to k (item id, score) that meet the terms, the best first.

        Its index holds no items but of the model's target domains.
        """
        ids, scores = self.replica.shelf.index.search(
            user, k, now=terms.now, exclude=[terms.exclude], filters=terms.filters or None
        )
        return [(id_, float(score)) for id_, score in zip(ids[0], scores[0], strict=True)]

    def forget_expired(self, now: float) -> None:
        """Drop what has expired, which search leaves out already; for a thread of its own."""
        self.replica.shelf.index.expire(now)
