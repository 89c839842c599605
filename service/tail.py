"""Keep a replica at the head of the item log, whatever happens to Redis in between.

Plain XREAD from a known position, never a consumer group: every replica sees every entry. Each
entry names the one before it, so a gap shows at once; an idle log is compared with its head, so
another store, or one restored from a backup, shows too. Either way the replica synchronises from
scratch beside traffic: note the head, page the catalogue, replay from the head noted, swap.
"""

import asyncio
import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service import store
from service.catalogue import Catalogue, Entry
from service.clock import Clock
from service.model import Model
from service.replica import LogGap, Replica, Shelf, latest
from service.sequence import LogSequence, Position

BATCH = 256  # entries applied between two turns of the event loop
PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # between attempts to reach Redis

log = logging.getLogger(__name__)


class Tail:
    """One replica's reader of the log, on a connection of its own."""

    def __init__(self, redis: Redis, catalogue: Catalogue, replica: Replica, model: Model) -> None:
        self._redis = redis
        self._catalogue = catalogue
        self._replica = replica
        self._model = model
        self.connected = False
        self.durability = "unknown"

    async def run(self, clock: Clock, block_ms: int) -> None:
        """Follow the log until cancelled, waiting longer the longer Redis is away."""
        failures = 0
        while True:
            error = await self._proceed(clock, block_ms)
            if error is None:
                failures = 0
                continue
            if failures == 0:
                log.warning("lost Redis, will keep trying: %s", error)
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            failures += 1

    async def _proceed(self, clock: Clock, block_ms: int) -> Exception | None:
        """One look at the log; returns why when Redis does not let us."""
        try:
            if not self.connected:
                await self._connect(clock)
            await self._step(clock, block_ms)
        except (RedisError, OSError) as error:
            self.connected = False
            return error
        return None

    async def _connect(self, clock: Clock) -> None:
        await clock.sync(lambda: store.read_time(self._redis))
        self.durability = await store.read_durability(self._redis)
        if not await self._continues():
            await self._synchronise()
        self.connected = True

    async def _step(self, clock: Clock, block_ms: int) -> None:
        entries = await self._catalogue.entries(self._replica.position, BATCH, block_ms)
        if clock.due():
            await clock.sync(lambda: store.read_time(self._redis))
        if not (self._apply(entries) if entries else await self._continues()):
            await self._synchronise()

    def _apply(self, entries: list[Entry]) -> bool:
        try:
            self._replica.apply(entries)
        except LogGap:
            return False
        return True

    async def _continues(self) -> bool:
        """Whether the log still leads on from where the replica stands."""
        at, head = self._replica.sequence, await self._catalogue.head()
        if at is None or head is None or head.store != at.store:
            return False
        if head.position == at.position:
            return True
        entries = await self._catalogue.entries(at.position, 1, None)
        return bool(entries) and entries[0].prev == at.position

    async def _synchronise(self) -> None:
        """Build another shelf from the catalogue and the log, then answer from it."""
        start = await self._catalogue.head() or (await self._catalogue.write([])).sequence
        log.info("synchronising from the catalogue at %s", start)
        shelf = Shelf(self._model)
        async for page in self._catalogue.pages(BATCH):
            shelf.put({item.item_id: item for item in page})
            await asyncio.sleep(0)
        at = await self._replay(shelf, start)
        if at is not None:
            self._replica.take(shelf, at)
            log.info("synchronised: %d items retrievable at %s", len(shelf.index), at)

    async def _replay(self, shelf: Shelf, start: LogSequence) -> LogSequence | None:
        """Apply what was logged while the catalogue was paged; None when the store changed.

        Pages may be newer than `start`, so the shelf is only right once the head is reached.
        """
        head = await self._catalogue.head()
        if head is None or head.store != start.store:
            return None
        position: Position = start.position
        while position < head.position:
            entries = await self._catalogue.entries(position, BATCH, None)
            if not entries or entries[0].prev != position:
                return None
            shelf.put(latest(entries))
            position = entries[-1].position
            await asyncio.sleep(0)
        return LogSequence(head.store, position)


async def cancel(task: "asyncio.Task[None]") -> None:
    """End a background task and wait for its end.

    Asked more than once: redis-py now and then loses a cancellation that meets its own time-out.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
