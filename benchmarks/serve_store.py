"""Fills the store of `benchmarks/serve.py`: items through the log, histories as `/events` does."""

import asyncio
from itertools import islice

from redis.asyncio import Redis

from benchmarks.serve_population import Population
from service import store
from service.catalogue import Catalogue, puts
from service.histories import keys
from service.settings import Settings, StoreUrl

BATCH = 500  # items a script
TIMEOUT_S = 30.0  # a script of so many may wait for a disk


async def fill(url: str, population: Population) -> None:
    """Write the whole population."""
    settings = Settings(redis_url=StoreUrl(url))
    async with store.connect(settings, TIMEOUT_S) as redis:
        await asyncio.gather(
            _fill_catalogue(redis, settings, population), _fill_users(redis, population)
        )


async def _fill_catalogue(redis: Redis, settings: Settings, population: Population) -> None:
    catalogue = Catalogue(redis, settings.log_retention_s)
    items = population.items(population.tags)
    while batch := list(islice(items, BATCH)):
        await catalogue.write(puts(batch, [1] * len(batch)))


async def _fill_users(redis: Redis, population: Population) -> None:
    pairs = zip(population.users, population.seen(), strict=True)
    async with redis.pipeline(transaction=False) as pipe:
        for user, seen in pairs:
            history_key, seen_key, _ = keys(user.user_id)
            pipe.lpush(history_key, *(event.entry() for event in population.clicks(user)))
            pipe.lpush(seen_key, *seen)
        await pipe.execute()
