"""`couple:events`: every event once accepted, every recommendation, every erasure; capped."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from redis.asyncio import Redis

from service import exposure, store
from service.counters import Counters
from service.event import Event
from service.live import Answered, Live

KEY = "couple:events"


class Counts(NamedTuple):
    """What of some events counts for items, and what for arms (`service.live`)."""

    items: Sequence[Event]
    arms: Sequence[str]


class EventStream:
    """Appends; every call may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, length: int, counters: Counters, live: Live) -> None:
        self._redis = redis
        self._length = length
        self._counters = counters
        self._live = live
        self._code = store.code("exposures.lua")

    async def append(self, events: Sequence[Event], counts: Counts, now: float) -> None:
        """One entry an event: kind `event`, data its JSON. In the same round trip they count."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for event in events:
                pipe.xadd(KEY, {"kind": "event", "data": event.encode()}, maxlen=self._length)
            self._counters.add(pipe, counts.items, now)
            self._live.told(pipe, counts.arms)
            await pipe.execute()

    async def expose(self, lines: Sequence[bytes], answers: Sequence[Answered]) -> None:
        """One entry a line of `service.exposure`; in the same round trip their arms count."""
        data: Any = b"\n".join(lines)  # JSON has no line ends; redis-py says str and takes both
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.eval(self._code, 1, KEY, str(self._length), exposure.KIND, data)
            self._live.answered(pipe, answers)
            await pipe.execute()

    async def erase(self, user_id: str, now: float) -> None:
        """One entry of kind `erasure`: what stands before it of this user must be forgotten."""
        data = orjson.dumps({"user_id": user_id, "time": now}).decode()
        await self._redis.xadd(KEY, {"kind": "erasure", "data": data}, maxlen=self._length)
