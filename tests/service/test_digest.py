"""GET /admin/digest: what a replica holds is what Redis holds, whichever way it came there."""

import asyncio
import hashlib
import random
from typing import Any

import pytest

from service import sweeper
from service.catalogue import unsortable
from service.text import format_time
from tests.service.conftest import Configure
from tests.service.running import Client, ok, running, until

pytestmark = pytest.mark.anyio

ITEM = "couple:{items}:item:"


async def digest(client: Client) -> dict[str, Any]:
    answer = ok(await client.get("/admin/digest"))
    return {name: answer[name] for name in ("sequence", "count", "hash")}


def computed(redis: Any) -> dict[str, Any]:
    """From the catalogue itself, as docs/api.md says."""
    store, last = redis.hmget("couple:{items}:store", "id", "last")
    ids = redis.zrange("couple:{items}:ids", 0, -1)
    total = 0
    for item_id in ids:
        named = f"{unsortable(redis.hget(ITEM + item_id, 'version'))}:{item_id}".encode()
        total += int.from_bytes(hashlib.blake2b(named, digest_size=8).digest(), "big")
    return {"sequence": f"{store}.{last}", "count": len(ids), "hash": f"{total % 2**64:016x}"}


async def test_of_nothing_it_is_zero(service: Client, redis: Any) -> None:
    assert await digest(service) == computed(redis)
    assert (computed(redis)["count"], computed(redis)["hash"]) == (0, "0" * 16)


async def test_it_counts_whatever_the_catalogue_holds(service: Client, redis: Any) -> None:
    """Of any domain, known tag or not, published or not; by version, not by content."""
    await service.items(
        {"tags": ["wok"], "version": -3},
        {"tags": ["zither"]},
        {"tags": ["wok"], "domain": "shop"},
        {"tags": ["wok"], "published_at": "2099-01-01T00:00:00Z"},
    )
    first = await digest(service)
    assert first == computed(redis)
    assert first["count"] == 4
    await service.items({"tags": ["cats"], "version": -2})
    second = await digest(service)
    assert second == computed(redis)
    assert (second["count"], second["hash"] == first["hash"]) == (4, False)


async def test_an_expired_item_counts_until_it_is_swept(service: Client, redis: Any) -> None:
    """The log says when, so the moment of asking does not matter."""
    await service.items({"tags": ["wok"], "expires_at": "2020-01-01T00:00:00Z"}, {"tags": ["wok"]})
    assert (await digest(service))["count"] == 2
    assert await digest(service) == computed(redis)
    parts = service.app.state.parts
    await sweeper.sweep(parts.catalogue, parts.clock.now())

    async def swept() -> bool:
        return bool((await digest(service))["count"] == 1)

    await until(swept)
    assert await digest(service) == computed(redis)


async def test_without_a_store_there_is_no_sequence(configure: Configure) -> None:
    async with running(configure(redis_url="redis://127.0.0.1:1/0"), ready=False) as service:
        assert await digest(service) == {"sequence": None, "count": 0, "hash": "0" * 16}


async def test_replicas_agree_whichever_way_they_came_there(
    configure: Configure, redis: Any
) -> None:
    """By the log, by pages, by both with a trimmed log; after writes through both, in any order."""
    seed = random.Random(5)
    async with running(configure()) as one, running(configure()) as two:
        for number in range(40):
            client = seed.choice([one, two])
            ids = seed.sample(range(30), 4)
            soon = format_time(client.app.state.parts.clock.now() + seed.choice([-1, 60]))
            await client.items(
                *({"item_id": f"i{n}", "tags": ["wok"], "expires_at": soon} for n in ids[:3])
            )
            ok(await client.delete(f"/items/i{ids[3]}"))
            if number % 10 == 5:
                parts = client.app.state.parts
                await sweeper.sweep(parts.catalogue, parts.clock.now())
                redis.xtrim("couple:{items}:log", maxlen=3)
        async with running(configure()) as three:

            async def agree() -> bool:
                found = await asyncio.gather(*map(digest, (one, two, three)))
                return all(one == computed(redis) for one in found)

            await until(agree, 5)
    assert computed(redis)["count"] > 3
