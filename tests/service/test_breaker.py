"""When Redis is asked and by whom: after failures in a row by one task, after a success by all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError

from service.background import cancel
from service.breaker import FAILURES, Breaker
from service.errors import StoreAway
from tests.service.running import until

pytestmark = pytest.mark.anyio


class Redis:
    """One that answers or not, and counts who asks."""

    def __init__(self) -> None:
        self.error: Exception | None = RedisGone("gone")
        self.asked = self.probed = 0
        self.breaker = Breaker()

    async def ask(self) -> str:
        self.asked += 1
        return self._answer()

    async def probe(self) -> None:
        self.probed += 1
        self._answer()

    def _answer(self) -> str:
        if self.error:
            raise self.error
        return "answer"

    async def call(self) -> str | type[RedisError]:
        try:
            return await self.breaker(self.ask)
        except RedisError as error:
            return type(error)

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.breaker.run(self.probe, pause_s=0))
        yield
        assert not task.done()
        await cancel(task)

    async def until_probed(self, more: int) -> None:
        enough = self.probed + more

        async def done() -> bool:
            return self.probed >= enough

        await until(done)


@pytest.fixture
async def away() -> Redis:
    """As many failures as it takes."""
    redis = Redis()
    assert [await redis.call() for _ in range(FAILURES)] == [RedisGone] * FAILURES
    assert redis.breaker.away
    return redis


async def test_after_failures_in_a_row_nobody_asks(away: Redis) -> None:
    """Not even when it answers again: until that is found out."""
    assert {await away.call() for _ in range(100)} == {StoreAway}
    away.error = None
    assert await away.call() is StoreAway
    assert away.asked == FAILURES


async def test_a_success_in_between_begins_anew() -> None:
    """Now and then a time-out is no outage."""
    redis = Redis()
    for _ in range(10):
        redis.error = RedisGone("gone")
        assert await redis.call() is RedisGone
        redis.error = None
        assert await redis.call() == "answer"


async def test_no_caller_pays_for_finding_out(away: Redis) -> None:
    """A task of its own asks again and again, whatever the error; callers are told at once."""
    async with away.probing():
        for error in (RedisGone("gone"), OSError("no route")):
            away.error = error
            await away.until_probed(3)
            assert {await away.call() for _ in range(100)} == {StoreAway}
    assert away.asked == FAILURES


async def test_its_success_opens_the_way_for_all(away: Redis) -> None:
    """And then nobody probes, until Redis is away again."""
    async with away.probing():
        away.error = None
        await away.until_probed(1)
        probed = away.probed
        assert [await away.call() for _ in range(3)] == ["answer"] * 3
        assert away.probed == probed
        away.error = RedisGone("gone")
        assert [await away.call() for _ in range(FAILURES)] == [RedisGone] * FAILURES
        await away.until_probed(1)
