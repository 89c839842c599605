"""What is counted of items in Redis: impressions, and positives that fade (see counters.lua).

Both are bounded: impressions by the catalogue, popularity by a length; both go with their item.
"""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from service import store
from service.catalogue import POPULAR, SEEN, item_key
from service.event import POSITIVE, Event


class Counters:
    """Every call may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, half_life_s: float, length: int) -> None:
        self._redis: Any = redis  # its annotations leave str or bytes open; ours decodes
        self._code = store.code("counters.lua")
        self._limits = (half_life_s, length)

    def add(self, pipe: Any, events: Sequence[Event], now: float) -> None:
        """Queue the counting of events on a pipeline; what the catalogue does not hold is left out.

        The script travels whole: asking whether Redis knows it would be another round trip.
        """
        told = [event for event in events if event.type in POSITIVE or event.type == "impression"]
        if told:
            keys = [SEEN, POPULAR, *(item_key(event.item_id) for event in told)]
            lines = [part for event in told for part in (event.item_id, _time(event, now))]
            pipe.eval(self._code, len(keys), *keys, *self._limits, *lines)

    async def popular(self) -> list[tuple[str, float]]:
        """(item id, popularity in epoch seconds), the most popular first."""
        found: list[tuple[str, float]] = await self._redis.zrange(
            POPULAR, 0, -1, desc=True, withscores=True
        )
        return found

    async def seen(self, item_ids: Sequence[str]) -> list[int]:
        """Impressions of each."""
        if not item_ids:
            return []
        return [int(count or 0) for count in await self._redis.hmget(SEEN, item_ids)]


def _time(event: Event, now: float) -> str:
    """'' for an impression; a time ahead of ours counts as now."""
    return "" if event.type == "impression" else repr(min(event.time, now))
