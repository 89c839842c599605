"""Take events in: complete them from the catalogue, push each once, write the event stream.

A crash between history and stream loses nothing: the event id stays pending until the stream has
the event, and a retry of a pending one goes to the stream without entering the history again.
(A retry while the first attempt is still at it can write the stream twice: same event id.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service import live
from service.catalogue import Catalogue
from service.clock import Clock
from service.erasures import Erasures
from service.event import Event
from service.event_stream import Counts, EventStream
from service.generations import Generations
from service.histories import Histories
from service.item import Item
from service.metrics import Metrics

UNKNOWN_ITEM = "the catalogue holds no such item: give tags or a title"


@dataclass(frozen=True)
class Recorded:
    """What became of one call's events; `rejected` holds (position, reason)."""

    accepted: int
    duplicates: int
    rejected: list[tuple[int, str]]


@dataclass(frozen=True)
class Recorder:
    """Every call may raise redis.exceptions.RedisError; it can be retried whole."""

    catalogue: Catalogue
    histories: Histories
    erasures: Erasures
    stream: EventStream
    clock: Clock
    generations: Generations
    metrics: Metrics

    async def record(self, events: Sequence[Event]) -> Recorded:
        """Record events in order of arrival."""
        items = await self.catalogue.items(list({event.item_id for event in events}))
        known = [event for event in events if event.told or event.item_id in items]
        domain = self.generations.active.model.manifest.target_domains[0]
        whole = [event.completed(items.get(event.item_id), domain) for event in known]
        once = distinct(whole)
        statuses = await self.histories.record(once)
        fresh = [e for e, status in zip(once, statuses, strict=True) if status != "duplicate"]
        domains = self.generations.domains  # of what can be recommended; the rest is not counted
        counted = [e for e in fresh if (item := items.get(e.item_id)) and item.domain in domains]
        arms = live.fields(self.generations.experiments, fresh, items, self.clock.now())
        await self.stream.append(fresh, Counts(counted, arms), self.clock.now())
        await self.histories.settle(fresh, self.clock.now())
        rejected = [
            (position, UNKNOWN_ITEM)
            for position, event in enumerate(events)
            if not (event.told or event.item_id in items)
        ]
        self._count(counted, items)
        return Recorded(len(fresh), len(whole) - len(fresh), rejected)

    def _count(self, events: Sequence[Event], items: Mapping[str, Item]) -> None:
        for event in events:
            if event.type == "impression":
                self.metrics.shown(items[event.item_id].published_at, event.time)

    async def erase(self, user_id: str) -> bool:
        """Forget a user, and tell all workers and the event stream's readers to."""
        existed = await self.histories.erase(user_id)
        await self.erasures.tell(user_id, self.clock.now())
        await self.stream.erase(user_id, self.clock.now())
        return existed


def distinct(events: Sequence[Event]) -> list[Event]:
    """Without the second event of one id of one user."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for event in events:
        name = (event.user_id, event.event_id or "")
        if not event.event_id or name not in seen:
            kept.append(event)
        seen.add(name)
    return kept
