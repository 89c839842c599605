"""Generations whose vectors lie in Milvus (`service.engine.Engine`)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from index.collections import Collections
from index.errors import ItemIndexError
from service import background, thread
from service.build import open_model
from service.catalogue import Catalogue
from service.clock import Clock
from service.engine import Held
from service.generation import Generation
from service.milvus.follower import Follower
from service.milvus.generation import MilvusGeneration
from service.milvus.lease import Lease
from service.milvus.shelf import collection, prefix
from service.model import Model
from service.replica import Replica
from service.settings import Settings

SEARCHES = 16  # at once; Milvus does the work

log = logging.getLogger(__name__)


class MilvusEngine:
    """Every process searches; who writes is elected for each collection."""

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        catalogue: Catalogue,
        clock: Clock,
        log_seen: Replica[Any],
    ) -> None:
        """`redis` and `catalogue` may block; `log_seen` follows the log itself."""
        self._settings = settings
        self._redis = redis
        self._catalogue = catalogue
        self._clock = clock
        self._log_seen = log_seen
        self._searches = ThreadPoolExecutor(SEARCHES, "search")
        self._followers: dict[str, Follower] = {}  # by version
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def make(self, model: Model) -> Generation:
        """See `Engine`."""
        generation = MilvusGeneration.over(model, self._searches)
        generation.replica.patience_s = self._settings.index_lag_ms / 1000
        return generation

    async def open(self, folder: Path, version: str) -> Generation:
        """See `Engine`."""
        return self.make(await thread.run(partial(open_model, folder, version), "open a bundle"))

    async def fill(self, generation: Generation, astray: Callable[[], bool]) -> None:
        """See `Engine`. The collection may be whole already; else whoever is elected fills it."""
        assert isinstance(generation, MilvusGeneration)  # noqa: S101  # for mypy: `make` made it
        lease = self._lease(generation.version)
        parts = (self._settings, generation, lease, self._catalogue, self._clock, self._log_seen)
        follower = Follower(*parts)
        self._followers[generation.version] = follower
        self._tasks[generation.version] = background.start(follower.run())
        await generation.replica.filled()

    async def raise_(
        self, generation: Generation, folder: Path, astray: Callable[[], bool]
    ) -> None:
        """See `Engine`."""
        await self.fill(generation, astray)

    def drop(self, generation: Generation) -> None:
        """See `Engine`. The collection stays until nobody holds it."""
        self._followers.pop(generation.version, None)
        if task := self._tasks.pop(generation.version, None):
            leaving = asyncio.create_task(background.cancel(task))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def chores(self, held: Held) -> Sequence[Coroutine[Any, Any, None]]:
        """See `Engine`."""
        return (self._run(held),)

    async def close(self) -> None:
        """See `Engine`."""
        await asyncio.gather(*map(background.cancel, self._tasks.values()), *self._leaving)
        self._searches.shutdown(wait=False, cancel_futures=True)

    async def _run(self, held: Held) -> None:
        while True:
            await asyncio.sleep(self._settings.milvus_lease_ms / 1000)
            try:
                await self._tend(held)
            except (RedisError, OSError, ItemIndexError) as error:
                log.debug("Milvus is not tended to: %s", error)

    async def _tend(self, held: Held) -> None:
        """Tell what this process holds; who writes also names what answers and drops the rest."""
        followers = list(self._followers.values())
        for follower in followers:  # all of them before Milvus is asked, which may not answer
            await follower.lease.hold()
        for follower in followers:
            if follower.shelf:
                await thread.run(follower.shelf.recount, "count items of Milvus")
        answering = self._followers.get(held.wanted[0])
        if answering and answering.leads and answering.shelf:
            store = answering.shelf.store
            names = await thread.run(partial(self._point, store, held.wanted[0]), "set an alias")
            await self._drop_idle(store, names, held)

    def _point(self, store: str, version: str) -> set[str]:
        """Let the alias be the collection that answers; names of the store's collections."""
        collections = Collections(self._settings.milvus_uri.get_secret_value())
        collections.point(alias(store), collection(store, version))
        return {name for name in collections.names() if name.startswith(prefix(store))}

    async def _drop_idle(self, store: str, names: set[str], held: Held) -> None:
        versions = {name.removeprefix(prefix(store)) for name in names}
        for version in versions - set(held.wanted):
            lease = self._lease(version)
            if not await lease.held() and await lease.take(0):
                with suppress(ItemIndexError):
                    await self._drop(lease, store, version)
                await lease.release()

    async def _drop(self, lease: Lease, store: str, version: str) -> None:
        """Once nobody can come to write to it: who wants to holds it first, and then waits."""
        if await lease.held():
            return
        collections = Collections(self._settings.milvus_uri.get_secret_value())
        await thread.run(partial(collections.drop, collection(store, version)), "drop a collection")
        await lease.forget()
        log.info("dropped the collection of model %s, which nobody holds", version[:12])

    def _lease(self, version: str) -> Lease:
        return Lease(self._redis, version, self._settings.milvus_lease_ms, self._clock)


def alias(store: str) -> str:
    """What stands for the collection that answers, for others to look into.

    The service itself never searches by it: a swap would mix two models in one answer.
    """
    return f"couple_active_{store}"
