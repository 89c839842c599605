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
    await asyncio.gather(fill_catalogue(url, population), fill_users(url, population))


async def fill_catalogue(url: str, population: Population) -> None:
    """Write the items alone."""
    settings = Settings(redis_url=StoreUrl(url))
    items = population.items(population.tags)
    async with store.connect(settings, TIMEOUT_S) as redis:
        catalogue = Catalogue(redis, settings.log_retention_s)
        while batch := list(islice(items, BATCH)):
            await catalogue.write(puts(batch, [1] * len(batch)))


async def fill_users(url: str, population: Population) -> None:
    """Write what the users did alone."""
    async with store.connect(Settings(redis_url=StoreUrl(url)), TIMEOUT_S) as redis:
        await _fill_users(redis, population)


async def _fill_users(redis: Redis, population: Population) -> None:
    pairs = zip(population.users, population.seen(), strict=True)
    async with redis.pipeline(transaction=False) as pipe:
        for user, seen in pairs:
            history_key, seen_key, _ = keys(user.user_id)
            pipe.lpush(history_key, *(event.entry() for event in population.clicks(user)))
            pipe.lpush(seen_key, *seen)
        await pipe.execute()
