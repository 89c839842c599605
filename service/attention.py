"""What all users look at and like, as this replica last read it from the counters."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from redis.exceptions import RedisError

from service.clock import Clock
from service.counters import Counters
from service.facts import Facts
from service.replica import Replica

READ = 4096  # newest items of a domain whose impressions are read


class Attention:
    """Popularity of items, kept here; impressions of the newest, kept with their facts."""

    def __init__(
        self,
        counters: Counters,
        facts: Replica[Facts],
        clock: Clock,
        domains: Callable[[], Collection[str]],
    ) -> None:
        """`domains` are those of which anything is recommended."""
        self._counters = counters
        self._facts = facts
        self._clock = clock
        self._domains = domains
        self.popularity: Mapping[str, float] = {}  # by falling popularity, epoch seconds

    async def refresh(self) -> None:
        """Read both again; may raise redis.exceptions.RedisError."""
        self.popularity = dict(await self._counters.popular())
        facts = self._facts.shelf
        for domain in self._domains():
            item_ids = facts.ids(facts.window(domain).past(self._clock.now())[:READ])
            facts.note_seen(item_ids, await self._counters.seen(item_ids))

    async def run(self, interval_ms: int) -> None:
        """Read at every interval until cancelled; without Redis what was last read holds."""
        while True:
            with suppress(RedisError):  # the tail says when Redis is away
                await self.refresh()
            await asyncio.sleep(interval_ms / 1000)
