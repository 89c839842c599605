"""Redis away: an answer always comes back, writes are refused in time, and all of it heals."""

import asyncio
import signal
import time
from typing import Any

import pytest
from redis import Redis

from tests.service.conftest import Configure
from tests.service.own_store import Store
from tests.service.running import Client, ok, refused, running, until

pytestmark = pytest.mark.anyio

EVENT = {"user_id": "u1", "item_id": "p", "type": "click", "tags": ["cats"]}
ITEM = {"item_id": "v9", "tags": ["wok"]}


async def stock(service: Client) -> None:
    await service.items({"tags": ["wok"]}, {"tags": ["cats"]})
    await service.events(EVENT)


async def check_degraded(service: Client) -> None:
    """Nobody was asked about before: no history, but with one that is sent answers are whole."""
    answer = await service.recommend(k=2)
    assert answer["degraded"] == ["redis_unavailable"]
    assert len(answer["candidates"]) == 2
    sent = [{"tags": ["wok"]}]
    whole = await service.recommend(k=2, history=sent, exclude_seen=False)
    assert (whole["degraded"], whole["candidates"][0]["item_id"]) == ([], "v0")
    batch = {"requests": [{"user_id": "u1", "k": 2}, {"user_id": "u2", "k": 1, "history": sent}]}
    for result in ok(await service.post("/recommend/batch", json=batch))["results"]:
        assert result["degraded"] == ["redis_unavailable"]
    like = ok(await service.post("/similar", json={"tags": ["wok"], "k": 2}))
    assert (len(like["candidates"]), like["degraded"]) == (2, [])
    named = ok(await service.post("/similar", json={"item_id": "v0", "k": 1}))
    assert (named["candidates"], named["degraded"]) == ([], ["redis_unavailable", "short"])
    explained = await service.recommend(k=1, history=sent, explain=True)
    assert explained["candidates"][0]["reasons"] == {"tags": []}
    assert ok(await service.get("/readyz"))["status"] == "ready"


async def check_refusals(service: Client) -> None:
    """Each is a 503 that says when to come back."""
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/items", {"items": [ITEM]}),
        ("POST", "/events", {"events": [EVENT]}),
        ("GET", "/items/v0", None),
        ("DELETE", "/items/v0", None),
        ("GET", "/users/u1/history", None),
        ("DELETE", "/users/u1", None),
    ]
    for method, path, body in calls:
        start = time.monotonic()
        response = await service.request(method, path, json=body)
        assert refused(response, 503)["detail"] == "the store does not take this now: retry"
        assert response.headers["retry-after"] == "1"
        assert time.monotonic() - start < 1.0


async def until_healed(service: Client) -> None:
    """Connected, taking writes, answering whole: with everything that was and what came since."""

    async def healed() -> bool:
        connected: bool = ok(await service.get("/readyz"))["redis"] == "connected"
        posted = await service.post("/items", json={"items": [ITEM]})
        whole = not (await service.recommend(k=1))["degraded"]
        return connected and posted.status_code == 200 and whole

    await until(healed)
    assert sorted(await service.found(exclude_seen=False)) == ["v0", "v1", "v9"]
    assert [item["item_id"] for item in await service.history()] == ["p"]


async def test_a_stopped_redis(configure: Configure, store: Store) -> None:
    """Down, up again with its data, and the replica resumes at its position."""
    async with running(configure(redis_url=store.url)) as service:
        await stock(service)
        assert (await service.items(ITEM))["durability"] == "aof-everysec"
        await service.delete("/items/v9")
        shelf = service.app.state.parts.generations.active.replica.shelf
        store.stop()
        await check_degraded(service)
        await check_refusals(service)
        store.start()
        await until_healed(service)
        assert service.app.state.parts.generations.active.replica.shelf is shelf


async def test_the_newest_and_the_popular_are_offered_without_redis(
    configure: Configure, store: Store
) -> None:
    """Nobody is known then, and the answer says so."""
    half = [{"name": "author", "quota": 0.5}, {"name": "popular", "quota": 0.5}]
    settings = configure(redis_url=store.url, channels=half, attention_interval_ms=10)
    async with running(settings) as service:
        await service.items(*({"tags": ["zither"], "author_id": "a"} for _ in range(3)))
        await service.events({"user_id": "u2", "item_id": "v0"})

        async def counted() -> bool:
            (best,) = (await service.recommend("u3", k=1))["candidates"]
            return bool(best["channel"] == "popular")

        await until(counted)
        store.stop()
        answer = await service.recommend(k=3)
        found = [c["channel"] for c in answer["candidates"]]
        assert (found, answer["candidates"][0]["item_id"]) == (["popular", "fresh", "fresh"], "v0")
        assert answer["degraded"] == ["redis_unavailable"]
        store.start()


async def test_a_history_that_redis_does_not_tell_is_a_remembered_one(
    configure: Configure, store: Store
) -> None:
    """The service may no longer read such keys: an error of each key, while all else answers."""
    async with running(configure(redis_url=store.url)) as service:
        await stock(service)
        before = await service.recommend(k=2)
        with Redis(port=store.port) as admin:
            admin.execute_command("ACL", "SETUSER", "default", "resetkeys", "~couple:[^h]*")
        after = await service.recommend(k=2)
        assert (before["degraded"], after["degraded"]) == ([], ["redis_unavailable"])
        assert after["candidates"] == before["candidates"]
        assert (await service.recommend("u2", k=2))["degraded"] == ["redis_unavailable"]


async def test_a_frozen_redis(configure: Configure, store: Store) -> None:
    """It takes connections and answers nothing: a call costs its time-out, once."""
    quick = {"redis_timeout_ms": 200, "redis_read_timeout_ms": 200}
    async with running(configure(redis_url=store.url, **quick)) as service:
        await stock(service)
        store.send(signal.SIGSTOP)
        start = time.monotonic()
        assert (await service.recommend(k=2))["degraded"] == ["redis_unavailable"]
        assert 0.15 < time.monotonic() - start < 5
        await check_degraded(service)
        await check_refusals(service)
        store.send(signal.SIGCONT)
        await until_healed(service)


async def test_an_index_that_lost_sight_of_the_log_says_so(
    configure: Configure, store: Store
) -> None:
    """After the lag that is allowed, and until Redis is back."""
    async with running(configure(redis_url=store.url, index_lag_ms=300)) as service:
        await stock(service)
        sent: dict[str, Any] = {"history": [{"tags": ["wok"]}], "exclude_seen": False, "k": 1}

        async def stale() -> bool:
            return "stale_index" in (await service.recommend(**sent))["degraded"]

        async def whole() -> bool:
            return not (await service.recommend(**sent))["degraded"]

        await until(whole)
        store.stop()
        await until(stale)
        store.start()
        await until(whole)


async def test_a_full_redis_refuses_writes_and_keeps_reading(
    configure: Configure, store: Store
) -> None:
    """Out of memory: 503 for writes, whole answers for recommendations, deletions go through."""
    async with running(configure(redis_url=store.url)) as service:
        await stock(service)
        await service.items({"item_id": "gone", "tags": ["wok"]})
        redis = service.app.state.parts.catalogue._redis
        await redis.config_set("maxmemory", "1")
        refused(await service.post("/items", json={"items": [ITEM]}), 503)
        refused(await service.post("/events", json={"events": [EVENT]}), 503)
        assert (await service.recommend(k=1))["degraded"] == []
        assert ok(await service.delete("/items/gone"))["status"] == "deleted"
        await redis.config_set("maxmemory", "0")
        await until_healed(service)


async def test_cancelled_requests_do_not_poison_the_pool(service: Client) -> None:
    """Answers never go to the next caller (redis-py#2665)."""
    for n in range(8):
        await service.events({**EVENT, "user_id": f"u{n}", "item_id": f"p{n}"})
    for round_ in range(60):
        calls = [asyncio.create_task(service.history(f"u{n}")) for n in range(8)]
        for _ in range(round_ % 12):
            await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        for n, result in enumerate(results):
            if not isinstance(result, BaseException):
                assert [item["item_id"] for item in result] == [f"p{n}"]
            else:
                assert isinstance(result, asyncio.CancelledError)
    for n in range(8):
        assert [item["item_id"] for item in await service.history(f"u{n}")] == [f"p{n}"]
