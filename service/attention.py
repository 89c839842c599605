"""What all users look at and like, as this replica last read it from the counters."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from redis.exceptions import RedisError

from service.counters import Counters
from service.facts import Facts
from service.replica import Replica

READ = 4096  # newest items whose impressions are read


class Attention:
    """Popularity of items, kept here; impressions of the newest, kept with their facts."""

    def __init__(self, counters: Counters, facts: Replica[Facts]) -> None:
        self._counters = counters
        self._facts = facts
        self.popularity: Mapping[str, float] = {}  # by falling popularity, epoch seconds

    async def refresh(self) -> None:
        """Read both again; may raise redis.exceptions.RedisError."""
        self.popularity = dict(await self._counters.popular())
        facts = self._facts.shelf
        item_ids = facts.ids(facts.window.rows[:READ])
        facts.note_seen(item_ids, await self._counters.seen(item_ids))

    async def run(self, interval_ms: int) -> None:
        """Read at every interval until cancelled; without Redis what was last read holds."""
        while True:
            with suppress(RedisError):  # the tail says when Redis is away
                await self.refresh()
            await asyncio.sleep(interval_ms / 1000)
