"""Whoever is erased by one worker is forgotten by all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import store
from service.background import cancel
from service.erasures import KEY, Erasures
from service.histories import keys
from service.memory import Memory
from service.settings import Settings
from tests.service.conftest import Configure
from tests.service.own_store import Store
from tests.service.running import ok, running, until

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[tuple[Erasures, Memory]]:
    """One worker's memory of two users, and its ear for erasures."""
    memory = Memory(100, 10**6, 60.0)
    async with store.connect(settings) as redis, store.connect_tail(settings) as tail:
        erasures = Erasures(redis, [lambda user: memory.forget(keys(user))], 60.0)
        task = asyncio.create_task(erasures.run(tail, settings.tail_block_ms))
        for user_id in ("u1", "u2"):
            memory.keep(keys(user_id), [["a"]] * 3)
        yield erasures, memory
        await cancel(task)


async def until_forgotten(memory: Memory, user_id: str) -> None:
    async def forgotten() -> bool:
        return all(memory.recall(name) is None for name in keys(user_id))

    await until(forgotten)


async def test_every_worker_forgets_whom_one_erases(configure: Configure) -> None:
    """The one that erases at once, the others as soon as they hear; nobody else is forgotten."""
    async with worker(configure()) as (here, mine), worker(configure()) as (_, theirs):
        await here.tell("u1", now=1e9)
        assert mine.recall(keys("u1")[0]) is None
        await until_forgotten(theirs, "u1")
        for memory in (mine, theirs):
            assert all(memory.recall(name) == ["a"] for name in keys("u2"))


async def test_a_worker_that_was_cut_off_hears_of_it_later(
    configure: Configure, store: Store
) -> None:
    settings = configure(redis_url=store.url)
    async with worker(settings) as (here, _), worker(settings) as (_, theirs):
        store.stop()
        store.start()
        await here.tell("u1", now=1e9)
        await until_forgotten(theirs, "u1")


async def test_the_stream_keeps_nobody_for_longer_than_memories(
    configure: Configure, redis: Any
) -> None:
    async with worker(configure()) as (here, _):
        redis.xadd(KEY, {"user": "long ago"}, id="1000-0")
        redis.xadd(KEY, {"other": "hand"}, id="2000-0")
        await here.tell("u1", now=61.5)
        assert [fields for _, fields in redis.xrange(KEY)] == [{"other": "hand"}, {"user": "u1"}]


async def test_an_erased_user_is_unknown_when_redis_goes(
    configure: Configure, store: Store
) -> None:
    """Their history had been remembered; their neighbour's still is."""
    async with running(configure(redis_url=store.url, redis_read_timeout_ms=50)) as service:
        await service.items({"tags": ["wok"]}, {"tags": ["cats"]})
        for user_id in ("u1", "u2"):
            await service.events({"user_id": user_id, "item_id": "p", "tags": ["cats"]})
            assert (await service.found(user_id=user_id))[0] == "v1"
        ok(await service.delete("/users/u1"))
        store.stop()
        erased, kept = [await service.recommend(user_id, k=2) for user_id in ("u1", "u2")]
        assert erased["degraded"] == kept["degraded"] == ["redis_unavailable"]
        scores = [{c["item_id"]: c["score"] for c in one["candidates"]} for one in (erased, kept)]
        assert scores[1]["v1"] > scores[0]["v1"] + 0.1
        store.start()
