"""Ask Redis no more when it does not answer, and find out when it does again.

A Redis that is frozen costs every caller its whole time-out. After a few failures in a row callers
are told at once, and a task of its own asks now and then: no request pays for finding out. Its
success opens the way for all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from redis.exceptions import RedisError

from service.errors import StoreAway

FAILURES = 3  # in a row
PROBE_S = 0.5  # before each attempt while it is away

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Breaker:
    """Between callers and one Redis."""

    def __init__(self) -> None:
        self._failures = 0
        self._gone = asyncio.Event()

    @property
    def away(self) -> bool:
        """Whether Redis did not answer of late."""
        return self._gone.is_set()

    async def __call__(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `ask` answers; raises what it raises, or at once StoreAway."""
        if self.away:
            raise StoreAway("Redis did not answer of late: it is asked again in a moment")
        try:
            answer = await ask()
        except RedisError as error:
            self._failed(error)
            raise
        self._succeeded()
        return answer

    async def run(self, probe: Callable[[], Awaitable[object]], pause_s: float = PROBE_S) -> None:
        """Ask on behalf of all while Redis is away, until cancelled."""
        while True:
            await self._gone.wait()
            await asyncio.sleep(pause_s)
            with suppress(RedisError, OSError):
                await probe()
                self._succeeded()

    def _failed(self, error: RedisError) -> None:
        self._failures += 1
        if self._failures >= FAILURES and not self.away:
            self._gone.set()
            log.warning("Redis does not answer with histories: %s", type(error).__name__)

    def _succeeded(self) -> None:
        if self.away:
            log.warning("Redis answers with histories again")
        self._failures = 0
        self._gone.clear()
