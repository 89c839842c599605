"""A model and the collection of its vectors: searched in threads, because that takes milliseconds.

While Milvus does not answer nothing is found, at once rather than after a time-out each, and
answers say `stale_index`; the follower, which looks at it all the time, finds out when it is back.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from bundle.probe import Vectors
from index import ItemIndexError
from index.structure import Stats
from service.generation import AT_ONCE, Candidates, Generation, Look, Seen, telling
from service.model import Model
from service.replica import Replica
from service.terms import Terms
from service.vectors import VectorShelf

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MilvusGeneration(Generation):
    """Until its collection holds the catalogue its shelf is an empty one in this process."""

    far: ClassVar[bool] = True

    replica: Replica[Any]
    searches: Executor

    @classmethod
    def over(cls, model: Model, searches: Executor) -> "MilvusGeneration":
        """With nothing to find yet."""
        return cls(model, Replica(lambda: VectorShelf(model)), searches)

    @property
    def bytes(self) -> int:
        """About what it takes of this process: the graphs."""
        return self.model.graph_bytes

    @property
    def count(self) -> int:
        """Items in its collection, as last counted."""
        return int(getattr(self.replica.shelf, "count", 0))

    async def _looks(self, looks: Sequence[Look]) -> list[Seen]:
        users: list[Vectors] = []
        for start in range(0, len(looks), AT_ONCE):
            known = [look.known for look in looks[start : start + AT_ONCE]]
            users += [user[None] for user in self.model.user_vectors(known)]
            await asyncio.sleep(0)
        found = (self._nearest(*one) for one in zip(users, looks, strict=True))
        return [Seen(*one) for one in zip(users, await asyncio.gather(*found), strict=True)]

    async def _nearest(self, user: Vectors, look: Look) -> Candidates | None:
        return await self.near(user, look.k, look.terms) if look.k else None

    async def near(self, vectors: Vectors, k: int, terms: Terms) -> Candidates:
        """See `Generation`; nothing while Milvus does not answer."""
        shelf = self.replica.shelf
        if not telling(vectors)[0] or getattr(shelf, "away", False):
            return []
        find = partial(_find, shelf.index, vectors, k, terms)
        try:
            # pymilvus takes longer than it may where a connection is gone.
            async with asyncio.timeout(getattr(shelf, "patience_s", None)):
                return await asyncio.get_running_loop().run_in_executor(self.searches, find)
        except (ItemIndexError, TimeoutError) as error:
            log.warning("Milvus does not answer a search: %s", str(error) or "no answer in time")
            shelf.away = True
            self.replica.lose_head()
            return []

    def search(self, user: Vectors, k: int, terms: Terms) -> Candidates:
        """Nothing: `looks` has found all that there is, and nobody waits here."""
        return []

    def stats(self) -> Stats | None:
        """None: Milvus has its own."""
        return None

    def forget_expired(self, now: float) -> None:
        """Nothing to do: the sweeper's log entries take items out by way of the writer."""


def _find(index: Any, vectors: Vectors, k: int, terms: Terms) -> Candidates:
    (ids,), (scores,) = index.search(
        *(vectors, k), now=terms.now, exclude=[terms.exclude], filters=terms.filters or None
    )
    return list(zip(ids, scores, strict=True))
