"""Housekeeping: what is swept, what stays, and that one of many sweeps."""

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from service import sweeper
from service.catalogue import Catalogue
from service.text import format_time
from tests.service.conftest import Configure
from tests.service.running import Client, running, until

pytestmark = pytest.mark.anyio

LOG = "couple:{items}:log"
LARGE = 20_000


def catalogue(service: Client) -> Catalogue:
    found = service.app.state.parts.catalogue
    assert isinstance(found, Catalogue)
    return found


async def test_expired_items_leave_the_catalogue_with_a_log_entry(
    service: Client, redis: Any
) -> None:
    """More than a batch; what is not due stays; the ids, their order and their expiry agree."""
    gone, soon = format_time(time.time() - 1), format_time(time.time() + 60)
    due = [{"item_id": f"due{n}", "tags": ["wok"], "expires_at": gone} for n in range(700)]
    await service.items(*due, {"item_id": "later", "tags": ["wok"], "expires_at": soon})
    await service.items({"item_id": "never", "tags": ["wok"]})
    assert await sweeper.sweep(catalogue(service), time.time()) == 700
    assert redis.zrange("couple:{items}:ids", 0, -1) == ["later", "never"]
    assert redis.zrange("couple:{items}:expiry", 0, -1) == ["later"]
    assert redis.xlen(LOG) == 702 + 700
    assert await sweeper.sweep(catalogue(service), time.time()) == 0


async def test_an_item_whose_expiry_was_lifted_is_not_swept(service: Client, redis: Any) -> None:
    """An update takes it off the list, and so does a deletion."""
    gone = format_time(time.time() - 1)
    for item_id in ("a", "b"):
        await service.items({"item_id": item_id, "tags": ["wok"], "expires_at": gone})
    await service.items({"item_id": "a", "tags": ["wok"]})
    await service.delete("/items/b")
    assert await sweeper.sweep(catalogue(service), time.time()) == 0
    assert await service.found() == ["a"]


async def test_a_swept_item_leaves_a_tombstone(service: Client) -> None:
    """A late upsert of a lower version cannot bring it back; a higher one can."""
    item = {"item_id": "a", "tags": ["wok"]}
    await service.items({**item, "version": 5, "expires_at": format_time(time.time() - 1)})
    await sweeper.sweep(catalogue(service), time.time())
    for version, status in ((4, "stale"), (5, "stale"), (6, "created")):
        answer = await service.items({**item, "version": version})
        assert answer["results"][0]["status"] == status


async def test_the_log_is_trimmed_to_its_retention(configure: Configure, redis: Any) -> None:
    """Older entries go, younger ones stay, and replicas do not mind."""
    async with running(configure(log_retention_s=0.3)) as service:
        await service.items({"item_id": "a", "tags": ["wok"]})
        await asyncio.sleep(0.4)
        await service.items({"item_id": "b", "tags": ["wok"]})
        now = service.app.state.parts.clock.now()
        await sweeper.sweep(catalogue(service), now)
        assert [fields["item"] for _, fields in redis.xrange(LOG)] == ["b"]
        assert sorted(await service.found()) == ["a", "b"]


async def test_one_replica_sweeps_an_interval(service: Client, redis: Any) -> None:
    """Whoever claims it first, until the interval is over."""
    claims = [await catalogue(service).claim_sweep(60_000) for _ in range(3)]
    assert claims == [True, False, False]
    assert 0 < redis.pttl("couple:{items}:sweeper") <= 60_000


async def test_a_full_redis_is_swept(configure: Configure, redis: Any) -> None:
    """Else nothing would ever make room."""
    async with running(configure(sweep_interval_ms=20)) as service:
        soon = format_time(time.time() + 0.1)
        await service.items({"tags": ["wok"], "expires_at": soon})
        redis.config_set("maxmemory", 1)
        try:

            async def swept() -> bool:
                return not redis.exists("couple:{items}:ids")

            await until(swept)
        finally:
            redis.config_set("maxmemory", 0)


async def test_a_running_service_sweeps_by_itself(configure: Configure, redis: Any) -> None:
    """Catalogue and index both lose what has expired."""
    async with running(configure(sweep_interval_ms=20)) as service:
        soon = format_time(time.time() + 0.1)
        await service.items({"tags": ["wok"], "expires_at": soon}, {"tags": ["wok"]})

        async def swept() -> bool:
            return not redis.zscore("couple:{items}:ids", "v0")

        await until(swept)
        assert await service.found() == ["v1"]
        assert service.app.state.parts.generations.active.count == 1


async def test_answers_go_on_while_thousands_expire(configure: Configure) -> None:
    """All at one moment: the index is seen half empty by those who ask meanwhile."""
    async with running(configure(sweep_interval_ms=20)) as service:
        await service.items({"tags": ["wok"]})
        index = service.app.state.parts.generations.active.replica.shelf.index
        vectors = np.random.default_rng(0).standard_normal((LARGE, index.dim)).astype(np.float32)
        index.upsert([f"due{n}" for n in range(LARGE)], vectors, expires_at=[1.0] * LARGE)
        counts = [LARGE + 1]
        async with asyncio.timeout(60):
            while counts[-1] > 1:
                assert await service.found() == ["v0"]
                counts.append(len(index))
        assert any(1 < count < LARGE for count in counts)
