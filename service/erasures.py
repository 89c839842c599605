"""`couple:erasures`: who was erased of late, so that every worker's memory forgets them.

A worker that cannot reach Redis cannot learn of an erasure. It remembers nobody for longer than the
age of its memory, and what is older than that leaves the stream.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

KEY = "couple:erasures"
BATCH = 1000
PAUSE_S = 0.2  # after Redis could not be reached

Forget = Callable[[str], None]  # a user's id


class Erasures:
    """Tells the other workers, and follows what they tell."""

    def __init__(self, redis: Redis, forgets: Sequence[Forget], age_s: float) -> None:
        """`forgets` are all that keep anything of a user in this process."""
        self._redis = redis
        self._forgets = forgets
        self._age_ms = round(age_s * 1000)
        self._last = "0-0"

    async def tell(self, user_id: str, now: float) -> None:
        """Forget a user here, then everywhere; may raise redis.exceptions.RedisError."""
        self._forget(user_id)
        oldest = max(0, round(now * 1000) - self._age_ms)
        await self._redis.xadd(KEY, {"user": user_id}, minid=oldest, approximate=False)

    async def run(self, tail_redis: Redis, block_ms: int) -> None:
        """Forget whom any worker erases, until cancelled."""
        while True:
            try:
                await self._follow(tail_redis, block_ms)
            except (RedisError, OSError):  # the tail says so in the log
                await asyncio.sleep(PAUSE_S)

    async def _follow(self, tail_redis: Any, block_ms: int) -> None:
        """`Any`: redis-py's annotations leave open what ours answers."""
        streams = await tail_redis.xread({KEY: self._last}, count=BATCH, block=block_ms)
        for _, entries in streams:
            for self._last, fields in entries:
                self._forget(fields.get("user", ""))

    def _forget(self, user_id: str) -> None:
        for forget in self._forgets:
            forget(user_id)
