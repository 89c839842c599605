"""What Redis last said of users, for when it says nothing: bounded by number, bytes and age.

It is one worker's, and not asked where Redis answers. A list is kept as one string: that is fewer
objects, and its size is known.
"""

import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from math import inf

from redis.exceptions import RedisError

Lists = list[list[str] | RedisError]
ReadLists = Callable[[Sequence[str]], Awaitable[Lists]]

BETWEEN = "\n"  # JSON and ids have none
OVERHEAD = 300  # bytes of an entry beside its two strings
NOTHING = (-inf, 0, "")  # when it was kept, its bytes, its text


def unsaid(answer: list[str] | RedisError) -> bool:
    """Whether Redis could not say (it may not, or a part of it is away).

    A key of another type is an answer: whatever list there was is gone.
    """
    return isinstance(answer, RedisError) and not str(answer).startswith("WRONGTYPE")


class Remembered(list[str]):
    """A list as Redis last told it."""


class Memory:
    """Lists by the names of their keys; those unused for longest go first."""

    def __init__(
        self, most: int, most_bytes: int, age_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._age_s = age_s
        self._now = now
        self._lists: OrderedDict[str, tuple[float, int, str]] = OrderedDict()
        self.bytes = 0
        self.erasures = 0  # so far: what was read before one may be of somebody erased

    def __len__(self) -> int:
        return len(self._lists)

    def keep(self, names: Sequence[str], lists: Lists) -> None:
        """Remember what Redis said; where it could not say, what it said before still holds."""
        now = self._now()
        for name, entries in zip(names, lists, strict=True):
            if unsaid(entries):
                continue
            self._drop(name)
            if not isinstance(entries, RedisError):
                text = BETWEEN.join(entries)
                size = sys.getsizeof(name) + sys.getsizeof(text) + OVERHEAD
                self._lists[name] = (now, size, text)
                self.bytes += size
        while len(self._lists) > self._most or self.bytes > self._most_bytes:
            self._drop(next(iter(self._lists)))

    def recall(self, name: str) -> Remembered | None:
        """What Redis last said; None when that is too long ago, or was not kept."""
        kept, _, text = self._lists.get(name, NOTHING)
        if self._now() - kept > self._age_s:
            self._drop(name)
            return None
        self._lists.move_to_end(name)
        return Remembered(text.split(BETWEEN) if text else [])

    def forget(self, names: Iterable[str]) -> None:
        """Somebody is erased."""
        self.erasures += 1
        for name in names:
            self._drop(name)

    def _drop(self, name: str) -> None:
        self.bytes -= self._lists.pop(name, NOTHING)[1]
