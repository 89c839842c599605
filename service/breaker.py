"""Ask Redis no more when it does not answer, and find out when it does again.

A Redis that is frozen costs every caller its whole time-out. After a few failures in a row callers
are told at once; now and then one of them is let through, and its success opens the way for all.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import RedisError

from service.errors import StoreAway

FAILURES = 3  # in a row
PROBE_S = 0.5  # between two attempts while it is away

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Breaker:
    """Between callers and one Redis."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures = 0
        self._next = 0.0  # when the next attempt is due, while it is away

    @property
    def away(self) -> bool:
        """Whether Redis did not answer of late."""
        return self._failures >= FAILURES

    async def __call__(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `ask` answers; raises what it raises, or at once StoreAway."""
        if self.away and not self._due():
            raise StoreAway("Redis did not answer of late: it is asked again in a moment")
        try:
            answer = await ask()
        except RedisError as error:
            self._failed(error)
            raise
        self._succeeded()
        return answer

    def _due(self) -> bool:
        now = self._now()
        if now < self._next:
            return False
        self._next = now + PROBE_S  # whatever becomes of this one
        return True

    def _failed(self, error: RedisError) -> None:
        self._failures += 1
        if self._failures == FAILURES:
            self._next = self._now() + PROBE_S
            log.warning("Redis does not answer with histories: %s", type(error).__name__)

    def _succeeded(self) -> None:
        if self.away:
            log.warning("Redis answers with histories again")
        self._failures = 0
