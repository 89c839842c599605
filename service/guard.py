"""Reads that Redis may leave unanswered: through the breaker, and from memory when that is open."""

from collections.abc import Sequence
from functools import partial

from redis.exceptions import RedisError

from service.breaker import Breaker
from service.errors import StoreAway
from service.memory import Lists, Memory, ReadLists, unsaid


class Guard:
    """Reads lists by the names of their keys, and raises nothing."""

    def __init__(self, read: ReadLists, breaker: Breaker, memory: Memory) -> None:
        self._read = read
        self._breaker = breaker
        self._memory = memory

    async def __call__(self, names: Sequence[str]) -> Lists:
        """For each name a list, a Remembered one, or an error."""
        erasures = self._memory.erasures
        try:
            lists = await self._breaker(partial(self._read, names))
        except RedisError:
            return [self._recall(name) for name in names]
        if self._memory.erasures == erasures:
            self._memory.keep(names, lists)
        return [
            self._recall(name) if unsaid(found) else found
            for name, found in zip(names, lists, strict=True)
        ]

    def _recall(self, name: str) -> list[str] | RedisError:
        found = self._memory.recall(name)
        return StoreAway("nothing is remembered either") if found is None else found
