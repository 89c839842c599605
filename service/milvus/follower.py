"""One process's part in one collection: it reads how far the writer is, and writes when elected."""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from redis.exceptions import RedisError

from index.errors import ItemIndexError
from service import thread
from service.catalogue import Catalogue
from service.clock import Clock
from service.milvus.generation import MilvusGeneration
from service.milvus.lease import Lease, LeaseLost
from service.milvus.shelf import MilvusShelf, Note
from service.milvus.writer import StoreChanged, Writer
from service.replica import Replica
from service.sequence import LogSequence
from service.settings import Settings

POLL_S = 0.02  # between two looks at a note that is behind the log
PAUSES_S = (0.1, 0.5, 1.0, 5.0, 15.0)  # after Milvus or Redis failed

log = logging.getLogger(__name__)


class Follower:
    """Keeps a generation's replica where its collection is."""

    def __init__(
        self,
        settings: Settings,
        generation: MilvusGeneration,
        lease: Lease,
        catalogue: Catalogue,
        clock: Clock,
        log_seen: Replica[Any],
    ) -> None:
        """`log_seen` follows the log itself: where the collection has to be."""
        self.generation = generation
        self.lease = lease
        self.shelf: MilvusShelf | None = None
        self.leads = False
        self._settings = settings
        self._catalogue = catalogue
        self._clock = clock
        self._log_seen = log_seen
        self._token = 0  # the highest that was seen
        self._sound = True  # whether the collection need not be opened again
        self._failures = 0

    async def run(self) -> None:
        """Follow until cancelled, whatever happens to Milvus and Redis in between."""
        while True:
            try:
                await self._follow()
            except (StoreChanged, LeaseLost) as error:
                log.info("%s: %s", self.generation.version[:12], error)
            except ItemIndexError as error:
                self._sound = False
                self.generation.replica.lose_head()
                await self._pause(error)
            except (RedisError, OSError) as error:
                await self._pause(error)

    async def _pause(self, error: Exception) -> None:
        if self._failures == 0:
            log.warning("cannot follow in Milvus, will keep trying: %s", error)
        await asyncio.sleep(PAUSES_S[min(self._failures, len(PAUSES_S) - 1)])
        self._failures += 1

    async def _follow(self) -> None:
        """In the collection of the store that there is now."""
        await self.lease.hold()
        head = await self._catalogue.head() or (await self._catalogue.write([])).sequence
        shelf = await self._opened(head.store)
        while True:
            note = await shelf.noted()
            self._see(note, head)
            if await self.lease.take(note.token):
                await self._lead(shelf, note, head)
            await self._watch(shelf, head)

    async def _opened(self, store: str) -> MilvusShelf:
        if self.shelf is None or self.shelf.store != store or not self._sound:
            make = partial(MilvusShelf, self._settings, self.generation.model, store)
            self.shelf = await thread.run(make, "open a collection")
            self._token, self._sound = 0, True
        return self.shelf

    async def _lead(self, shelf: MilvusShelf, note: Note, head: LogSequence) -> None:
        """Write until the lease is lost, or something fails; what is under way stays in doubt."""
        log.info("writing to %s from %s", shelf.index.collection, note.sequence or "the beginning")
        self.leads = True
        told = partial(self._see, head=head)
        try:
            writer = Writer(shelf, self.lease, self._catalogue, self._clock, told)
            await writer.reign(note.sequence, self._settings.tail_block_ms)
        finally:
            self.leads = False
            with suppress(RedisError, OSError):
                await self.lease.release()

    async def _watch(self, shelf: MilvusShelf, head: LogSequence) -> None:
        """Read notes until the lease may be free."""
        until = monotonic() + self.lease.lasts_s / 3
        while monotonic() < until:
            self._see(await shelf.noted(), head)
            seen = self._log_seen.sequence
            if seen and seen.store != shelf.store:
                raise StoreChanged("the log is another store's")
            if seen and self.generation.replica.has(seen):
                ms, number = seen.position
                beyond = LogSequence(seen.store, (ms, number + 1))
                await self._log_seen.reach(beyond, self._settings.tail_block_ms / 1000)
            else:
                await asyncio.sleep(POLL_S)

    def _answered(self, at: LogSequence) -> bool:
        """Whether the same collection was answered from before it had to be opened again."""
        before = self.generation.replica.sequence
        return before is not None and before.store == at.store

    def _see(self, note: Note, head: LogSequence) -> None:
        """Be where the writer says; of a writer that is no more, nothing is believed."""
        replica, at = self.generation.replica, note.sequence
        if at is None or note.token < self._token or at.store != head.store:
            return
        self._token = note.token
        if replica.shelf is self.shelf:
            replica.move(at)
        elif at.position >= head.position or self._answered(at):
            replica.take(self.shelf, at)
        seen = self._log_seen.sequence
        if seen and replica.shelf is self.shelf and replica.has(seen):
            replica.see_head()
            self._failures = 0
