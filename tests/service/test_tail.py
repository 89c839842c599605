"""Replicas follow the log, whatever happens to it, to Redis, or to them."""

import asyncio
from typing import Any

import pytest

from service.generation import Generation
from service.sequence import to_id
from tests.service.conftest import Configure
from tests.service.running import Client, ok, running, until, until_ready

pytestmark = pytest.mark.anyio

LOG = "couple:{items}:log"


def generation(client: Client) -> Generation:
    found = client.app.state.parts.generations.active
    assert isinstance(found, Generation)
    return found


async def until_found(client: Client, *item_ids: str) -> None:
    """Fail unless exactly these become recommended."""

    async def holds() -> bool:
        return sorted(await client.found()) == sorted(item_ids)

    await until(holds)


async def test_replicas_see_each_others_writes(configure: Configure) -> None:
    """Upserts and deletions, both ways."""
    async with running(configure()) as one, running(configure()) as two:
        await one.items({"item_id": "a", "tags": ["wok"]})
        await two.items({"item_id": "b", "tags": ["wok"]})
        await until_found(one, "a", "b")
        await until_found(two, "a", "b")
        after = ok(await two.delete("/items/a"))["sequence"]
        assert [c["item_id"] for c in (await one.recommend(after=after))["candidates"]] == ["b"]


async def test_a_new_replica_builds_its_index_from_the_catalogue(
    configure: Configure, redis: Any
) -> None:
    """2,000 items, of which the log no longer tells; it is ready only when it has them."""
    async with running(configure()) as one:
        for start in (0, 1000):
            await one.items(*({"item_id": f"i{start + n}", "tags": ["wok"]} for n in range(1000)))
        ok(await one.delete("/items/i7"))
        redis.xtrim(LOG, maxlen=0)
        async with running(configure()) as two:
            assert generation(two).count == 1999
            assert generation(two).sequence == generation(one).sequence


async def test_writes_during_a_synchronisation_are_not_lost(
    configure: Configure, redis: Any
) -> None:
    """Whether their page was read before or after them."""
    async with running(configure()) as one:
        await one.items(*({"item_id": f"i{n}", "tags": ["wok"]} for n in range(1000)))
        async with running(configure(), ready=False) as two:
            for n in range(0, 100, 2):
                ok(await one.delete(f"/items/i{n}"))
                await one.items({"item_id": f"i{n + 1}", "tags": ["zither"]})
                last = await one.items({"item_id": f"new{n}", "tags": ["wok"]})
            await until_ready(two)
            answer = await two.recommend(k=500, after=last["sequence"])
            assert "stale_index" not in answer["degraded"]
            assert generation(two).count == generation(one).count == 1000 - 100 + 50
            for n in range(0, 100, 2):
                assert f"i{n}" not in generation(two)
                assert f"i{n + 1}" not in generation(two)
                assert f"new{n}" in generation(two)


async def test_a_flushed_store_is_noticed_by_an_idle_replica(
    configure: Configure, redis: Any
) -> None:
    """It founds another store and stands at its beginning."""
    async with running(configure()) as service:
        before = (await service.items({"item_id": "old", "tags": ["wok"]}))["sequence"]
        redis.flushall()
        await until_found(service)
        after = (await service.recommend())["sequence"]
        assert after.split(".")[0] != before.split(".")[0]
        await service.items({"item_id": "new", "tags": ["wok"]})
        await until_found(service, "new")


async def test_a_flushed_store_that_is_written_at_once_is_noticed(
    configure: Configure, redis: Any
) -> None:
    """The first entry names another beginning; both replicas come to the same."""
    async with running(configure()) as one, running(configure()) as two:
        await one.items({"item_id": "old", "tags": ["wok"]})
        redis.flushall()
        await two.items({"item_id": "new", "tags": ["wok"]})
        for client in (one, two):
            await until_found(client, "new")
        assert generation(one).sequence == generation(two).sequence


async def test_a_log_trimmed_past_a_replica_makes_it_synchronise(
    configure: Configure, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries it never saw are gone; it pages the catalogue and misses nothing."""
    async with running(configure()) as one, running(configure()) as two:
        await one.items({"item_id": "a", "tags": ["wok"]})
        await until_found(two, "a")
        reading = two.app.state.parts.tail._catalogue
        entries, waiting, behind = reading.entries, asyncio.Event(), asyncio.Event()

        async def held(*arguments: Any) -> Any:
            waiting.set()
            await behind.wait()
            return await entries(*arguments)

        monkeypatch.setattr(reading, "entries", held)
        await waiting.wait()
        await one.items({"item_id": "b", "tags": ["wok"]})
        ok(await one.delete("/items/a"))
        last = (await one.items({"item_id": "c", "tags": ["wok"]}))["sequence"]
        redis.xtrim(LOG, minid=to_id(generation(one).replica.position))
        assert await two.found() == ["a"]
        behind.set()
        answer = await two.recommend(after=last)
        assert sorted(c["item_id"] for c in answer["candidates"]) == ["b", "c"]


async def test_a_log_trimmed_behind_every_replica_disturbs_nobody(
    configure: Configure, redis: Any
) -> None:
    """No synchronisation: the same shelf goes on."""
    async with running(configure()) as service:
        await service.items({"item_id": "a", "tags": ["wok"]})
        shelf = generation(service).replica.shelf
        redis.xtrim(LOG, maxlen=0)
        await asyncio.sleep(0.1)
        await service.items({"item_id": "b", "tags": ["wok"]})
        assert sorted(await service.found()) == ["a", "b"]
        assert generation(service).replica.shelf is shelf


async def test_a_store_restored_from_a_backup_is_noticed(configure: Configure, redis: Any) -> None:
    """The same store, but its log ends before where the replica stands."""
    async with running(configure()) as service:
        await service.items({"item_id": "a", "tags": ["wok"]})
        kept = {key: redis.dump(key) for key in redis.scan_iter("couple:{items}*")}
        await service.items({"item_id": "b", "tags": ["wok"]})
        for key in redis.scan_iter("couple:{items}*"):
            redis.delete(key)
        for key, value in kept.items():
            redis.restore(key, 0, value, replace=True)
        await until_found(service, "a")


async def test_an_item_that_cannot_be_read_stops_nobody(configure: Configure, redis: Any) -> None:
    """Another hand wrote into the catalogue: that item is left out, in the log and in the pages."""
    async with running(configure()) as one:
        await one.items(
            {"item_id": "a", "tags": ["wok"]},
        )
        redis.hset("couple:{items}:item:a", "content", "{")
        last = redis.hget("couple:{items}:store", "last")
        new = redis.xadd(LOG, {"item": "x", "content": '{"item_id": 1}', "prev": last})
        redis.hset("couple:{items}:store", "last", new)
        await one.items({"item_id": "b", "tags": ["wok"]})
        assert sorted(await one.found()) == ["a", "b"]
        async with running(configure()) as two:
            assert await two.found() == ["b"]
            assert (await two.get("/items/a")).status_code == 404


async def test_readiness_waits_for_the_catalogue(configure: Configure, valkey: Any) -> None:
    """503 without a Redis; the process lives, and answers with what it has: nothing."""
    async with running(configure(redis_url="redis://127.0.0.1:1/0"), ready=False) as service:
        response = await service.get("/readyz")
        assert response.status_code == 503
        assert response.json() | {"request_id": ""} == {
            "request_id": "",
            "status": "starting",
            "sequence": None,
            "items": 0,
            "redis": "unavailable",
        }
        assert ok(await service.get("/livez"))["status"] == "alive"
        answer = await service.recommend()
        assert answer["degraded"] == ["redis_unavailable", "stale_index", "short"]
