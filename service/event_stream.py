"""`couple:events`: every event once accepted, and every erasure, in order; capped."""

from collections.abc import Sequence

import orjson
from redis.asyncio import Redis

from service.counters import Counters
from service.event import Event

KEY = "couple:events"


class EventStream:
    """Appends; every call may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, length: int, counters: Counters) -> None:
        self._redis = redis
        self._length = length
        self._counters = counters

    async def append(self, events: Sequence[Event], counted: Sequence[Event], now: float) -> None:
        """One entry an event: kind `event`, data its JSON. In the same round trip some count."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for event in events:
                pipe.xadd(KEY, {"kind": "event", "data": event.encode()}, maxlen=self._length)
            self._counters.add(pipe, counted, now)
            await pipe.execute()

    async def erase(self, user_id: str, now: float) -> None:
        """One entry of kind `erasure`: what stands before it of this user must be forgotten."""
        data = orjson.dumps({"user_id": user_id, "time": now}).decode()
        await self._redis.xadd(KEY, {"kind": "erasure", "data": data}, maxlen=self._length)
