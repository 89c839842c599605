"""What a worker does before anybody asks: as much as a few callers would, and uncounted."""

from typing import Any

import pytest

from service.rehearsal import SIZES, rehearse
from tests.service.conftest import Configure
from tests.service.process import serving
from tests.service.running import Client, running

pytestmark = pytest.mark.anyio


def reads(redis: Any) -> int:
    """Lists that a Redis was asked for."""
    return int(redis.info("commandstats").get("cmdstat_lrange", {"calls": 0})["calls"])


def test_a_worker_has_made_recommendations_before_it_is_ready(
    variables: dict[str, str], redis: Any
) -> None:
    """Two lists are read of each user, so the connection is open, the towers and the index ran."""
    redis.config_resetstat()
    with serving(1, **variables):
        assert reads(redis) == 2 * sum(SIZES)


async def test_nothing_of_it_is_counted_and_without_redis_it_ends(configure: Configure) -> None:
    """A start does not hang on it, and metrics are of callers."""
    quick = {"redis_timeout_ms": 50, "redis_read_timeout_ms": 50}
    async with running(configure(**quick, redis_url="redis://127.0.0.1:1"), ready=False) as client:
        before = await metrics(client)
        await rehearse(client.app.state.parts.recommender)
        assert await metrics(client) == before


async def metrics(client: Client) -> list[str]:
    """The lines that count recommendations."""
    lines = (await client.get("/metrics")).text.splitlines()
    return [line for line in lines if "recommend" in line or "candidate" in line]
