"""A model and the index of its vectors, as one reference.

A vector of one model against an index of another is wrong at the same dimension, and nothing would
say so. Hence whoever recommends takes one generation at the start and nothing from another.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple
from weakref import WeakMethod

import numpy as np
from numpy.typing import NDArray

from bundle.probe import Vectors
from index import Stats
from service.model import Known, Model
from service.replica import Replica
from service.sequence import LogSequence
from service.terms import Terms
from service.together import Together
from service.vectors import VectorShelf

BYTES_AN_ITEM = 220  # beside its vector: id, times, attributes, places
AT_ONCE = 32  # users looked for before everyone else has a turn
Candidates = list[tuple[str, float]]


class Look(NamedTuple):
    """A user to look for items for; k = 0: the vector is all that is wanted."""

    known: Known
    k: int
    terms: Terms


class Seen(NamedTuple):
    """The user's vectors [1, I, D]; the k items nearest to them, None where nobody looked."""

    user: Vectors
    nearest: Candidates | None


@dataclass(frozen=True)
class Generation:
    """Everything of one model; `replica` follows the log."""

    far: ClassVar[bool] = False  # True: a search is awaited, so `looks` has to find all there is

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

    @cached_property
    def looks(self) -> Together[Look, Seen]:
        """Users' vectors and what is near; one run of tower and index for all of the same time."""
        mine = WeakMethod(self._looks)  # a cycle would keep the index until the next collection
        return Together(lambda looks: mine()(looks))  # type: ignore[misc]  # callers hold it

    async def _looks(self, looks: Sequence[Look]) -> list[Seen]:
        seen: list[Seen] = []
        for start in range(0, len(looks), AT_ONCE):
            if seen:
                await asyncio.sleep(0)
            seen += self._seen(looks[start : start + AT_ONCE])
        return seen

    def _seen(self, looks: Sequence[Look]) -> list[Seen]:
        users = self.model.user_vectors([look.known for look in looks])  # [B, I, D]
        nearest: list[Candidates | None] = [None] * len(looks)
        for k, places in _alike(looks, users).items():
            found = self._search(users[places], k, [looks[place].terms for place in places])
            for place, candidates in zip(places, found, strict=True):
                nearest[place] = candidates
        return [Seen(user[None], mine) for user, mine in zip(users, nearest, strict=True)]

    def search(self, user: Vectors, k: int, terms: Terms) -> Candidates:
        """User vectors [1, I, D] → up to k (item id, score) that meet the terms, the best first.

        None where they say nothing: zeros are as near to everything, and what is no number to none.
        """
        return self._search(user, k, [terms])[0] if telling(user)[0] else []

    async def near(self, vectors: Vectors, k: int, terms: Terms) -> Candidates:
        """The same of any vectors [1, I, D], wherever the index is."""
        return self.search(vectors, k, terms)

    def _search(self, users: Vectors, k: int, terms: Sequence[Terms]) -> list[Candidates]:
        """Of users [B, I, D] with the same filters; all are live at the latest of their times.

        The index holds no items but of the model's target domains.
        """
        ids, scores = self.replica.shelf.index.search(
            *(users, k),
            now=max(one.now for one in terms),
            exclude=[one.exclude for one in terms],
            filters=terms[0].filters or None,
        )
        return [list(zip(*one, strict=True)) for one in zip(ids, scores, strict=True)]

    def stats(self) -> Stats | None:
        """Figures of its index; None where another process keeps them."""
        return self.replica.shelf.index.stats()

    def forget_expired(self, now: float) -> None:
        """Drop what has expired, which search leaves out already; for a thread of its own."""
        self.replica.shelf.index.expire(now)


def _alike(looks: Sequence[Look], users: Vectors) -> dict[int, list[int]]:
    """Places of those that are looked for in one search, by their k."""
    places = defaultdict(list)
    for place, (look, told) in enumerate(zip(looks, telling(users).tolist(), strict=True)):
        if look.k and told and not look.terms.filters:
            places[look.k].append(place)
    return places


def telling(users: Vectors) -> NDArray[np.bool_]:
    """[B] whether vectors [B, I, D] point anywhere."""
    told: NDArray[np.bool_] = np.logical_and(
        users.any(axis=(1, 2)), np.isfinite(users).all(axis=(1, 2))
    )
    return told
