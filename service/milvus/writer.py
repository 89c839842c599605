"""The one process that writes to a collection, for as long as it holds the lease.

It follows the item log, and the log says only *which* items to look at: what is written of them is
what the catalogue holds at that moment. So what one writer writes never goes back to an older
version, a batch may be written again at any time, and after a batch its end of the log is noted in
the collection itself: who reads the note (every process, with strong consistency) sees all that
came before it, which is what `X-Couple-After` promises. Who takes over goes on from the note.

Milvus cannot refuse a writer that has lost its lease, so why does one do no lasting harm?

1. A batch is sent only after Redis, in one atomic step, has verified the lease and written the
   batch down. So a deposed writer sends the batch that it was at, and no other one.
2. That batch stays written down, in doubt: it is crossed out only under the lease, after Milvus
   has answered. So is the batch of a writer that was killed, and one that Milvus failed, which may
   be taken in late all the same.
3. Whoever writes next writes the items of every doubt again from the catalogue, at once and every
   `REPAIR_S`, for `DOUBT_S`. An older version that a late batch brought back, or an item that it
   took away, is right again after that; what holds the batch up longer (a process that was frozen
   for so long between the two steps) is the one thing that is not mended.
4. The late batch ends with a late note. Readers ignore the notes of tokens below one that they have
   seen, and the writer notes its own again as it repairs. For one that joins just then the late
   note is true, though it may be old: the items up to it had been written.

An item that Milvus refuses, whatever it is, is left out and logged: it must not hold up the others.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

from index.errors import EngineFailed, EngineSilent
from service import thread
from service.catalogue import Catalogue
from service.clock import Clock
from service.errors import ServiceError
from service.item import Item
from service.milvus.lease import Lease
from service.milvus.shelf import MilvusShelf, Note
from service.replica import LogGap
from service.sequence import LogSequence
from service.vectors import place

BATCH = 500  # items of one batch
REPAIR_S = 5.0  # between two times that doubts are written again
DOUBT_S = 600.0  # after which a batch that has not come will not come

log = logging.getLogger(__name__)


class StoreChanged(ServiceError):
    """The log is another store's: so is the collection to be."""


class Writer:
    """One reign; calls may raise LeaseLost, StoreChanged, EngineFailed and RedisError."""

    def __init__(
        self,
        shelf: MilvusShelf,
        lease: Lease,
        catalogue: Catalogue,
        clock: Clock,
        told: Callable[[Note], None],
    ) -> None:
        """`told` hears of every note; `lease` is held."""
        self._shelf = shelf
        self._lease = lease
        self._catalogue = catalogue
        self._clock = clock
        self._told = told
        self._repaired = -REPAIR_S

    async def reign(self, begin: LogSequence | None, block_ms: int) -> None:
        """Follow the log from a place (None: from the catalogue), until something is raised."""
        at = begin or await self._fill()
        while True:
            try:
                at = await self._step(at, block_ms)
            except LogGap:
                log.info("filling %s from the catalogue", self._shelf.index.collection)
                at = await self._fill()

    async def _step(self, at: LogSequence, block_ms: int) -> LogSequence:
        entries = await self._catalogue.entries(at.position, BATCH, block_ms)
        if entries and entries[0].prev != at.position:
            raise LogGap("the log does not continue where the collection stands")
        if entries:
            after = LogSequence(at.store, entries[-1].position)
            await self.write(list(dict.fromkeys(entry.item_id for entry in entries)), after)
            at = after
        else:
            await self._check_head(at)
            if self._shelf.away:
                await self._shelf.noted()
            await self._lease.keep()
            self._told(Note(self._lease.token, at))
        await self._repair(at)
        return at

    async def _check_head(self, at: LogSequence) -> None:
        """Raise LogGap where the log has its end elsewhere: another store, or an older copy."""
        head = await self._catalogue.head()
        if head is None or head.store != self._shelf.store:
            raise StoreChanged("the log is another store's")
        if head.position != at.position and not await self._catalogue.entries(at.position, 1, None):
            raise LogGap("the log ends before the place where the collection stands")

    async def _fill(self) -> LogSequence:
        """Write the whole catalogue, take out what it does not hold; where that began."""
        head = await self._catalogue.head()
        if head is None or head.store != self._shelf.store:
            raise StoreChanged("the log is another store's")
        await thread.run(self._shelf.recount, "count items of Milvus")
        before = self._shelf.count
        async for page in self._catalogue.pages(BATCH):
            if page:
                await self.write(list(page))
        if before:
            await self._weed()
        await self.write([], head)
        return head

    async def _weed(self) -> None:
        pages = self._shelf.written.pages()
        while page := await thread.run(partial(next, pages, None), "list items of Milvus"):
            known = await self._catalogue.items(page)
            if gone := [item_id for item_id in page if item_id not in known]:
                await self.write(gone)

    async def _repair(self, at: LogSequence) -> None:
        """Write again, now and then, what may have come too late or may yet come."""
        if monotonic() - self._repaired < REPAIR_S:
            return
        doubts = await self._lease.doubts()
        for name, doubt in doubts.items():
            await self.write(doubt.ids, at)
            if self._clock.now() - doubt.at > DOUBT_S:
                await self._lease.end(name)
        self._repaired = monotonic()

    async def write(self, item_ids: Sequence[str], upto: LogSequence | None = None) -> None:
        """One batch: items as the catalogue holds them now, then the note."""
        name = await self._lease.begin(item_ids)
        items = await self._catalogue.items(item_ids)
        await self._patiently(self._put({item_id: items.get(item_id) for item_id in item_ids}))
        if upto:
            note = Note(self._lease.token, upto)
            await self._patiently(self._shelf.note(note))
            await self._lease.end(name)
            self._told(note)
        else:
            await self._lease.end(name)

    async def _put(self, items: Mapping[str, Item | None]) -> None:
        """In halves where Milvus refuses: one item must not stop the rest.

        Where it is silent the batch ends here, in doubt: it may be taken in later.
        """
        model, index = self._shelf.model, self._shelf.written
        try:
            await thread.run(partial(place, items, model, index), "write to Milvus")
        except EngineSilent:
            raise
        except EngineFailed as error:
            await self._shelf.noted()  # raises where it does not answer
            if len(items) == 1:
                log.error("Milvus refuses item %r, which is left out: %s", next(iter(items)), error)
                return
            pairs = list(items.items())
            for half in (pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]):
                await self._put(dict(half))

    async def _patiently(self, work: Coroutine[Any, Any, None]) -> None:
        """Hold the lease while Milvus works, however long that takes."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                await asyncio.wait([task], timeout=self._lease.lasts_s / 3)
                if not task.done():
                    await self._lease.keep()
            task.result()
        finally:
            task.cancel()
