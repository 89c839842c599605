"""Keep replicas at the head of the item log, whatever happens to Redis in between.

Plain XREAD from a known position, never a consumer group: every process sees every entry. Each
entry names the one before it, so a gap shows at once; an idle log is compared with its head, so
another store, or one restored from a backup, shows too. A replica that the log does not lead to is
brought to its head beside the others (`service.replay`), and then follows with them.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service import background, replay, store
from service.catalogue import Catalogue, Entry
from service.clock import Clock
from service.replica import LogGap, Replica
from service.sequence import LogSequence

BATCH = 256  # entries of one read
PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # between attempts to reach Redis

Follower = Replica[Any]

log = logging.getLogger(__name__)


class Tail:
    """One process's reader of the log, on connections of its own: every entry is decoded once."""

    def __init__(self, redis: Redis, catalogue: Catalogue, patience_s: float = inf) -> None:
        """A replica that has not seen the head for longer than `patience_s` is lost."""
        self._redis = redis
        self._patience_s = patience_s
        self._catalogue = catalogue
        self._followers: list[Follower] = []
        self._joining: dict[Follower, asyncio.Task[None]] = {}
        self._astray: dict[Follower, Callable[[], bool]] = {}
        self.connected = False
        self.durability = "unknown"

    def add(self, follower: Follower, astray: Callable[[], bool] | None = None) -> None:
        """Keep a replica at the head from now on, wherever it stands.

        One that the log no longer leads to its head is filled from the catalogue beside traffic,
        which costs what traffic needs; unless `astray` says that somebody else sees to it.
        """
        follower.patience_s = self._patience_s
        self._followers.append(follower)
        if astray:
            self._astray[follower] = astray
        self._join(follower)

    def drop(self, follower: Follower) -> None:
        """Let a replica stand where it is; one that never followed is fine."""
        if follower in self._followers:
            self._followers.remove(follower)
        self._astray.pop(follower, None)
        if joining := self._joining.pop(follower, None):
            joining.cancel()

    @property
    def ready(self) -> bool:
        """Whether every replica holds the catalogue."""
        return all(follower.sequence for follower in self._followers)

    async def run(self, clock: Clock, block_ms: int) -> None:
        """Follow the log until cancelled, waiting longer the longer Redis is away."""
        failures = 0
        try:
            while True:
                error = await self._proceed(clock, block_ms)
                failures = await self._pause(error, failures) if error else 0
        finally:
            await asyncio.gather(*map(background.cancel, self._joining.values()))

    async def _pause(self, error: Exception, failures: int) -> int:
        if failures == 0:
            log.warning("lost Redis, will keep trying: %s", error)
        await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
        return failures + 1

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
        await self._compare()
        self.connected = True

    async def _step(self, clock: Clock, block_ms: int) -> None:
        self._admit()
        if clock.due():
            await clock.sync(lambda: store.read_time(self._redis))
        if self._following():
            await self._follow(block_ms)
        elif self._joining:
            await asyncio.wait(self._joining.values(), return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(block_ms / 1000)

    def _following(self) -> list[Follower]:
        return [follower for follower in self._followers if follower not in self._joining]

    def _admit(self) -> None:
        """Those that have come to the head follow from now on."""
        for follower, joining in list(self._joining.items()):
            if joining.done():
                del self._joining[follower]
                joining.result()

    def _join(self, follower: Follower) -> None:
        if follower in self._followers:  # else it was dropped meanwhile
            self._joining[follower] = asyncio.create_task(self._lead(follower))

    async def _lead(self, follower: Follower) -> None:
        """To the head of the log."""
        try:
            await replay.catch_up(self._catalogue, follower)
        except LogGap:
            astray = self._astray.get(follower)
            if astray is None or not astray():
                await replay.join(self._catalogue, follower)
                return
            del self._joining[follower]  # this very task, which ends by itself
            self.drop(follower)

    async def _follow(self, block_ms: int) -> None:
        """One read for all, from the lowest position; followers may come and go meanwhile."""
        lowest = min(follower.position for follower in self._following())
        entries = await self._catalogue.entries(lowest, BATCH, block_ms)
        if not entries:
            await self._compare()
        for follower in self._following():
            await self._apply(follower, entries)
            if len(entries) < BATCH and follower not in self._joining:
                follower.see_head()

    async def _apply(self, follower: Follower, entries: Sequence[Entry]) -> None:
        later = [entry for entry in entries if entry.position > follower.position]
        try:
            await follower.follow(later)
        except LogGap:
            self._join(follower)

    async def _compare(self) -> None:
        """Send whom the log does not lead on from to its head by another way."""
        head = await self._catalogue.head()
        for follower in self._following():
            if not await self._continues(follower, head):
                self._join(follower)

    async def _continues(self, follower: Follower, head: LogSequence | None) -> bool:
        at = follower.sequence
        if at is None or head is None or head.store != at.store:
            return False
        if head.position == at.position:
            return True
        entries = await self._catalogue.entries(at.position, 1, None)
        return bool(entries) and entries[0].prev == at.position
