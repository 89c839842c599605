"""One clock for all replicas: Redis TIME, carried forward by the monotonic clock."""

import time
from collections.abc import Awaitable, Callable

RESYNC_S = 10.0


class Clock:
    """Epoch seconds as Redis counts them; this machine's own time until the first `sync`."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._offset = time.time() - monotonic()
        self._synced = float("-inf")

    def now(self) -> float:
        """Epoch seconds."""
        return self._offset + self._monotonic()

    def due(self) -> bool:
        """Whether the two clocks have run apart long enough to be compared again."""
        return self._monotonic() - self._synced >= RESYNC_S

    async def sync(self, read: Callable[[], Awaitable[float]]) -> None:
        """Take Redis TIME (epoch seconds), read in the middle of the round trip."""
        before = self._monotonic()
        there = await read()
        after = self._monotonic()
        self._offset = there - (before + after) / 2
        self._synced = after
