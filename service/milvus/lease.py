"""Who writes to a collection: one process at a time, by a lease in Redis with a fencing token.

Milvus takes what it is sent from whoever sends it, and has no compare-and-set. So a batch is
written down in Redis, in the same step that verifies the lease, before it is sent, and crossed out
when it has ended under the same lease. What is written down and not crossed out is in doubt: it may
reach Milvus at any time (see `service.milvus.writer`).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson
from redis.asyncio import Redis

from service import store
from service.clock import Clock
from service.errors import ServiceError

HELD = "couple:{items}:held"  # versions by the time (epoch seconds) until when somebody holds them
FORGOTTEN_S = 3600  # for as long the token and doubts of a dropped collection are remembered
TOKEN = "token"  # noqa: S105  # a field's name

log = logging.getLogger(__name__)


class LeaseLost(ServiceError):
    """Somebody else writes now, or may."""


@dataclass(frozen=True)
class Doubt:
    """Items of a batch that may still reach Milvus, and when it began (epoch seconds)."""

    at: float
    ids: list[str]


class Lease:
    """One process's claim to one collection; every call may raise RedisError."""

    def __init__(self, redis: Redis, version: str, lasts_ms: int, clock: Clock) -> None:
        self._redis: Any = redis  # its annotations leave str or bytes open; ours decodes
        self._script = store.script(redis, "lease.lua", frees=True)
        self._version = version
        self._keys = [lease_key(version), writing_key(version)]
        self._clock = clock
        self._numbers = count()
        self._lasts_ms = lasts_ms
        self.token = 0  # of the last lease that this process had

    @property
    def lasts_s(self) -> float:
        """How long its holder may be silent."""
        return self._lasts_ms / 1000

    async def take(self, above: int) -> bool:
        """Whether this process writes from now on, by a token above all others and `above`."""
        token = await self._ask("take", above)
        self.token = token or self.token
        return bool(token)

    async def keep(self) -> None:
        """Go on; raise LeaseLost."""
        await self._hold("keep")

    async def begin(self, ids: Sequence[str]) -> str:
        """Write a batch down, in doubt from now on; its name. Raises LeaseLost."""
        name = f"{self.token}-{next(self._numbers)}"
        await self._hold("begin", name, orjson.dumps([self._clock.now(), ids]).decode())
        return name

    async def end(self, name: str) -> None:
        """Cross a batch out, which is in Milvus now or never comes; raise LeaseLost."""
        await self._hold("end", name)

    async def doubts(self) -> dict[str, Doubt]:
        """Batches that are written down, by name."""
        found = await self._redis.hgetall(self._keys[1])
        return {name: Doubt(*orjson.loads(text)) for name, text in found.items() if name != TOKEN}

    async def release(self) -> None:
        """Let others write at once, if this process still could."""
        await self._ask("release", self.token)

    async def hold(self) -> None:
        """Tell others that this process answers from the collection, or is about to."""
        until = self._clock.now() + 12 * self.lasts_s
        await self._redis.zadd(HELD, {self._version: until}, gt=True)

    async def held(self) -> bool:
        """Whether any process told so of late."""
        until = await self._redis.zscore(HELD, self._version)
        return until is not None and float(until) > self._clock.now()

    async def forget(self) -> None:
        """Of a collection that is no more; not at once: a frozen writer may yet thaw."""
        await self._redis.expire(self._keys[1], FORGOTTEN_S)
        await self._redis.zrem(HELD, self._version)

    async def _hold(self, what: str, *batch: str) -> None:
        if not await self._ask(what, self.token, *batch):
            raise LeaseLost("another process writes to Milvus now")

    async def _ask(self, what: str, token: int, *batch: str) -> int:
        return int(await self._script(keys=self._keys, args=[what, token, self._lasts_ms, *batch]))


def lease_key(version: str) -> str:
    return f"couple:{{items}}:lease:{version}"


def writing_key(version: str) -> str:
    return f"couple:{{items}}:writing:{version}"
