"""Connections to Redis: what is sent arrives, packed in C as in Python."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import DataError

from service import store
from tests.service.conftest import Configure

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(configure: Configure) -> AsyncIterator[Redis]:
    async with store.connect(configure()) as made:
        yield made


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("a b\r\n", "a b\r\n"),
        ("日本 🍜", "日本 🍜"),
        ("é".encode(), "é"),
        (-(2**63), str(-(2**63))),
        (0.1, "0.1"),
        ("x" * 300_000, "x" * 300_000),
    ],
)
async def test_any_argument_arrives(client: Redis, given: str | bytes | float, kept: str) -> None:
    await client.set("k", given)
    async with client.pipeline(transaction=False) as pipe:
        pipe.set("again", given)
        pipe.mget("k", "again")
        _, found = await pipe.execute()
    assert found == [kept, kept]


async def test_a_command_of_two_words_is_one(client: Redis) -> None:
    assert await client.config_get("port")


async def test_what_redis_cannot_take_is_refused_and_costs_no_connection(client: Redis) -> None:
    with pytest.raises(DataError):
        await client.set("k", [])  # type: ignore[arg-type]  # a mistake
    await client.set("k", "v")
    assert await client.get("k") == "v"
