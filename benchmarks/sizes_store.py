"""The rows of `benchmarks/sizes.py` about Redis: bytes of what is kept, time of what is read."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from benchmarks import serve_store
from benchmarks.serve_load import CONNECTIONS
from benchmarks.serve_population import Population
from service import store
from service.catalogue import LOG, Catalogue
from service.event import Event, EventType
from service.event_stream import KEY as EVENTS
from service.histories import Histories, Read
from service.sequence import START
from service.settings import Settings, StoreUrl
from service.tail import BATCH

FULL_USERS = 500  # whose lists are full
EVENT_IDS = 100  # of each of them
PATIENCE_S = 30.0  # for one answer


@dataclass(frozen=True)
class Row:
    """One number that the sizing counts with."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"| {self.name} | {self.value} |"


class Store:
    """The Valkey, and what it says of itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis: Any = Redis.from_url(url)

    @property
    def bytes(self) -> int:
        """Memory that its data and its own tables take."""
        return int(self._redis.info("memory")["used_memory"])

    @property
    def seconds(self) -> float:
        """Processor time so far."""
        used = self._redis.info("cpu")
        return float(used["used_cpu_user"] + used["used_cpu_sys"])

    def trim(self) -> None:
        """Empty the item log, as the sweeper does with what is older than its retention."""
        self._redis.xtrim(LOG, maxlen=0, approximate=False)

    def entry_bytes(self) -> float:
        """Of one entry of the event stream."""
        size = self._redis.memory_usage(EVENTS, samples=0)
        return float(size / self._redis.xlen(EVENTS))


def in_redis(held: Store, population: Population) -> Iterator[Row]:
    """Bytes of everything that is kept there."""
    empty, count = held.bytes, len(population.tags)
    asyncio.run(serve_store.fill_catalogue(held.url, population))
    logged = held.bytes
    yield read("an entry of the item log", held, lambda: follow(held.url))
    held.trim()
    kept = held.bytes
    asyncio.run(serve_store.fill_users(held.url, population))
    yield read("what a user did", held, lambda: look_up(held.url, population))
    yield Row("Redis: an item of the catalogue", f"{(kept - empty) / count:,.0f} B")
    yield Row("Redis: an entry of the item log", f"{(logged - kept) / count:,.0f} B")
    settings = Settings()
    clicks, shown = settings.history_length, settings.seen_length
    lists: tuple[tuple[str, EventType, int, bool], ...] = (
        (f"a history of {clicks} items", "click", clicks, False),
        (f"{shown} impressions", "impression", shown, False),
        ("an `event_id`", "skip", EVENT_IDS, True),
    )
    for name, kind, of_each, ids in lists:
        before = held.bytes
        asyncio.run(record(held.url, population, kind, of_each, ids))
        each = (held.bytes - before) / FULL_USERS / (of_each if ids else 1)
        yield Row(f"Redis: {name}", f"{each:,.0f} B")


def read(name: str, held: Store, work: Callable[[], Coroutine[Any, Any, int]]) -> Row:
    """Redis' processor time for each of what `work` reads."""
    before = held.seconds
    count = asyncio.run(work())
    return Row(f"Redis: to read {name}", f"{(held.seconds - before) / count * 1e6:.1f} µs")


async def follow(url: str) -> int:
    """The whole item log once, as each worker does; how many entries."""
    settings, position, count = Settings(redis_url=StoreUrl(url)), START, 0
    async with store.connect(settings, PATIENCE_S) as redis:
        catalogue = Catalogue(redis, settings.log_retention_s)
        while entries := await catalogue.entries(position, BATCH, None):
            position, count = entries[-1].position, count + len(entries)
    return count


async def look_up(url: str, population: Population) -> int:
    """Histories and impressions of all users, 32 at a time; how many users."""
    settings = Settings(redis_url=StoreUrl(url))
    reads = [Read(user.user_id) for user in population.users]
    async with store.connect(settings, PATIENCE_S) as redis:
        histories = Histories(redis, settings.history_length, settings.seen_length)
        for start in range(0, len(reads), CONNECTIONS):
            await histories.read_all(reads[start : start + CONNECTIONS])
    return len(reads)


async def record(
    url: str, population: Population, kind: EventType, of_each: int, ids: bool
) -> None:
    """So many events of each of the full users, as /events records them."""
    settings = Settings(redis_url=StoreUrl(url))
    items = list(population.items(population.tags[: max(1000, of_each)]))
    async with store.connect(settings, PATIENCE_S) as redis:
        histories = Histories(redis, settings.history_length, settings.seen_length)
        for number in range(FULL_USERS):
            drawn = (items[(7 * number + place) % len(items)] for place in range(of_each))
            events = [
                Event(
                    *(f"full{number}", one.item_id, kind, 1e9 + place, one.tags),
                    domain=one.domain,
                    author_id=one.author_id,
                    event_id=f"{number:012d}-{place:012d}" if ids else None,
                )
                for place, one in enumerate(drawn)
            ]
            await histories.record(events)
