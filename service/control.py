"""`couple:control`: the stream that tells every worker of every host which model answers.

Every entry holds the whole plan after it, and is appended only if nobody else has appended one
meanwhile. So the entries in order are the history of the service's models, the last one is their
state, and the stream can be short.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis

from service import store
from service.plan import Plan

KEY = "couple:control"
KEPT = 100  # entries: for people to read

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """A plan, and the stream's last entry at that time; '' where it is empty."""

    entry: str
    plan: Plan


class Control:
    """Reads and writes of the stream; every call may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its annotations leave str or bytes open; ours decodes
        self._append = store.script(redis, "control.lua")

    async def read(self) -> Seen:
        """What holds now; an entry that cannot be read says nothing."""
        entries = await self._redis.xrevrange(KEY, count=1)
        if not entries:
            return Seen("", Plan())
        plan = _plan(entries[0][1])
        if plan is None:
            earlier = await self._redis.xrevrange(KEY, count=KEPT)
            plan = next(filter(None, (_plan(fields) for _, fields in earlier)), Plan())
        return Seen(entries[0][0], plan)

    async def wait(self, seen: Seen, block_ms: int) -> None:
        """Return at the next entry, or after a while: a stream may also be lost or restored."""
        await self._redis.xread({KEY: seen.entry or "0-0"}, count=1, block=block_ms)

    async def change(self, done: str, make: Callable[[Plan], Plan]) -> Seen:
        """Replace the plan by what `make` makes of it; what that raises, this raises."""
        while True:
            seen = await self.read()
            plan = make(seen.plan)
            if plan == seen.plan:
                return seen
            arguments = [seen.entry, plan.model_dump_json(), done, KEPT]
            if entry := await self._append(keys=[KEY], args=arguments):
                log.info(done)
                return Seen(entry, plan)


def _plan(fields: dict[str, str]) -> Plan | None:
    """None for what another hand than ours wrote."""
    try:
        return Plan.model_validate_json(fields["plan"])
    except (KeyError, ValidationError):
        return None
