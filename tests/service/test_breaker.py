"""When Redis is asked and when not: after failures in a row, at intervals, and after a success."""

import pytest
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError

from service.breaker import FAILURES, PROBE_S, Breaker
from service.errors import StoreAway

pytestmark = pytest.mark.anyio


class Redis:
    """One that answers or not, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.answers = False
        self.asked = 0
        self.now = 0.0
        self.breaker = Breaker(lambda: self.now)

    async def ask(self) -> str:
        self.asked += 1
        if not self.answers:
            raise RedisGone("gone")
        return "answer"

    async def call(self) -> str | type[RedisError]:
        try:
            return await self.breaker(self.ask)
        except RedisError as error:
            return type(error)


@pytest.fixture
async def away() -> Redis:
    """As many failures as it takes."""
    redis = Redis()
    assert [await redis.call() for _ in range(FAILURES)] == [RedisGone] * FAILURES
    assert redis.breaker.away
    return redis


async def test_after_failures_in_a_row_nobody_asks(away: Redis) -> None:
    assert {await away.call() for _ in range(100)} == {StoreAway}
    assert away.asked == FAILURES


async def test_a_success_in_between_begins_anew() -> None:
    """Now and then a time-out is no outage."""
    redis = Redis()
    for _ in range(10):
        redis.answers = False
        assert await redis.call() is RedisGone
        redis.answers = True
        assert await redis.call() == "answer"


async def test_one_caller_an_interval_finds_out(away: Redis) -> None:
    for n in range(1, 6):
        away.now += PROBE_S
        assert [await away.call() for _ in range(3)] == [RedisGone, StoreAway, StoreAway]
        assert away.asked == FAILURES + n


async def test_its_success_opens_the_way_for_all(away: Redis) -> None:
    away.answers = True
    assert await away.call() is StoreAway
    away.now += PROBE_S
    assert [await away.call() for _ in range(3)] == ["answer"] * 3
