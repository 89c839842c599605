"""`couple:control`: the stream that tells every worker of every host which model answers.

Every entry holds the whole plan after it, and is appended only if nobody else has appended one
meanwhile. So the entries in order are the history of the service's models, the last one is their
state, and the stream can be short.

In a rolling upgrade a newer worker may write a plan in words that an older one does not know. The
older one goes by the last plan that it could read, and refuses changes: made to that plan, they
would undo the newer one.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis

from service import store
from service.errors import PlanNewer
from service.plan import Plan

KEY = "couple:control"
KEPT = 100  # entries: for people to read
UNKNOWN_WORDS = {"extra_forbidden", "literal_error", "union_tag_invalid"}

Fields = dict[str, str]  # of an entry

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """A plan, and the stream's last entry at that time; '' where it is empty."""

    entry: str
    plan: Plan
    newer: str = ""  # the last entry after this plan that is of a newer version of the service


class Control:
    """Reads and writes of the stream; every call may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its annotations leave str or bytes open; ours decodes
        self._append = store.script(redis, "control.lua")

    async def read(self) -> Seen:
        """What holds now, as far as it can be read; what another hand wrote says nothing."""
        entries = await self._redis.xrevrange(KEY, count=1)
        if not entries:
            return Seen("", Plan())
        try:
            return Seen(entries[0][0], _plan(entries[0][1]))
        except ValidationError:
            return _earlier(await self._redis.xrevrange(KEY, count=KEPT))

    async def wait(self, seen: Seen, block_ms: int) -> None:
        """Return at the next entry, or after a while: a stream may also be lost or restored."""
        await self._redis.xread({KEY: seen.entry or "0-0"}, count=1, block=block_ms)

    async def change(self, done: str, make: Callable[[Plan], Plan]) -> Seen:
        """Replace the plan by what `make` makes of it; what that raises, this raises.

        Raises:
            PlanNewer: the plan that holds is of a newer version of the service.
        """
        while True:
            seen = await self.read()
            if seen.newer:
                raise PlanNewer(
                    f"a newer version of the service wrote entry {seen.newer} of {KEY}: ask a "
                    "worker of that version, or take what it wrote back with XDEL"
                )
            plan = make(seen.plan)
            if plan == seen.plan:
                return seen
            arguments = [seen.entry, plan.model_dump_json(), done, KEPT]
            if entry := await self._append(keys=[KEY], args=arguments):
                log.info(done)
                return Seen(entry, plan)


def _earlier(entries: Sequence[tuple[str, Fields]]) -> Seen:
    """The newest plan that can be read, of entries newest first."""
    last, newer = entries[0][0], ""
    for entry, fields in entries:
        try:
            return Seen(last, _plan(fields), newer)
        except ValidationError as error:
            if not newer and UNKNOWN_WORDS & {line["type"] for line in error.errors()}:
                newer = entry
    return Seen(last, Plan(), newer)


def _plan(fields: Fields) -> Plan:
    """Raises ValidationError for one of a newer version, and for what another hand wrote."""
    return Plan.model_validate_json(fields.get("plan", ""))
