"""What the contract needs of an engine, and small indexes to try it with.

`settle` is called once an index is filled, so that an engine can be tried in each of its states.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.attributes import Attributes

Vectors = NDArray[np.float32]
Answers = tuple[list[list[str]], list[list[float]]]
Times = Sequence[float | None]

X, Y, DIAGONAL = [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]


class Index(Protocol):
    """The public methods that the promises are about."""

    def __len__(self) -> int: ...

    def __contains__(self, item_id: str) -> bool: ...

    def ids(self) -> set[str]: ...

    def is_live(self, item_id: str, now: float) -> bool: ...

    def upsert(
        self,
        ids: Sequence[str],
        vectors: Vectors,
        *,
        expires_at: Times | None = None,
        published_at: Times | None = None,
        attributes: Sequence[Attributes] | None = None,
    ) -> None: ...

    def remove(self, ids: Collection[str]) -> int: ...

    def expire(self, now: float) -> set[str]: ...

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        now: float | None = None,
        exclude: Sequence[Collection[str]] = (),
        filters: Attributes | None = None,
    ) -> Answers: ...


class Engine(Protocol):
    """Makes indexes that must answer exactly."""

    def make(self, dim: int) -> Index:
        """An empty index."""

    def settle(self, index: Index) -> None:
        """Bring a filled index into the state that is under test."""


def array(*rows: object) -> Vectors:
    return np.array(rows, dtype=np.float32)


def query(*interests: list[float]) -> Vectors:
    """One query [1, I, D]."""
    return array(interests)


def filled(engine: Engine, **vectors: list[float]) -> Index:
    """An index of two dimensions, settled."""
    index = engine.make(2)
    index.upsert(list(vectors), array(*vectors.values()))
    engine.settle(index)
    return index


def on_a_line(engine: Engine, count: int, attributes: Sequence[Attributes] | None = None) -> Index:
    """Items "0000", "0001", …, the sooner the better for the query X, all different."""
    index = engine.make(2)
    # Whole numbers up to 2,048 are half floats.
    vectors = np.stack([np.arange(count, 0, -1) - 1000, np.ones(count)], axis=1)
    ids = [f"{number:04}" for number in range(count)]
    index.upsert(ids, vectors.astype(np.float32), attributes=attributes)
    engine.settle(index)
    return index
