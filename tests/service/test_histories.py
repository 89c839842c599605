"""Reads of what users did: many at once are one round trip, and each is its own user's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.exceptions import ResponseError

from service import store
from service.event import Event, Watched
from service.histories import Histories, Past, Read
from tests.service.conftest import Configure

pytestmark = pytest.mark.anyio


@pytest.fixture
async def histories(configure: Configure, redis: Any) -> AsyncIterator[Histories]:
    """Of ten users, each with one item clicked and one seen, on a connection that is open."""
    async with store.connect(configure()) as client:
        made = Histories(client, history_length=50, seen_length=200)
        await made.record([event(n, "click") for n in range(10)])
        await made.record([event(n, "impression") for n in range(10)])
        yield made


def event(number: int, kind: Any) -> Event:
    return Event(f"u{number}", f"{kind}{number}", kind, 1e9, ["wok"], domain="product")


def past(number: int) -> Past:
    watched = Watched(f"click{number}", ["wok"], None, "product", 1e9)
    return Past([watched], [f"impression{number}"])


def packets(redis: Any) -> int:
    """How often the server has read from its connections, this question included."""
    return int(redis.info("stats")["total_reads_processed"])


def commands(redis: Any) -> dict[str, int]:
    """How often each command was called."""
    return {name: line["calls"] for name, line in redis.info("commandstats").items()}


async def test_reads_of_one_turn_are_one_round_trip(histories: Histories, redis: Any) -> None:
    """Ten callers cost the server as many reads of its sockets as one does."""

    async def cost(count: int) -> int:
        before = packets(redis)
        found = await asyncio.gather(*(histories.read(f"u{n}") for n in range(count)))
        assert found == [past(n) for n in range(count)]
        return packets(redis) - before

    assert await cost(10) == await cost(1)


async def test_the_seen_list_is_read_where_it_is_wanted(histories: Histories, redis: Any) -> None:
    """One list of a user who does not ask for it, two of one who does."""
    before = commands(redis)["cmdstat_lrange"]
    found = await histories.read_all([Read("u1", seen=False), Read("u2")])
    assert found == [Past(past(1).history, []), past(2)]
    assert commands(redis)["cmdstat_lrange"] - before == 3


async def test_a_cancelled_reader_does_not_disturb_the_others(histories: Histories) -> None:
    """In whatever turn it gives up, they get their own answers, and so do those who follow."""
    for turns in range(12):
        calls = [asyncio.create_task(histories.read(f"u{n}")) for n in range(6)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        for number, one in enumerate(found):
            assert isinstance(one, asyncio.CancelledError) or one == past(number)
        assert found[1::2] == [past(n) for n in (1, 3, 5)]


async def test_an_error_of_one_user_stays_theirs(histories: Histories, redis: Any) -> None:
    """Another hand's key of another type, under the history or the seen list."""
    redis.set("couple:hist:{u3}", "another hand's")
    redis.delete("couple:seen:{u4}")
    redis.set("couple:seen:{u4}", "another hand's")
    calls = (histories.read(f"u{n}") for n in range(10))
    found = await asyncio.gather(*calls, return_exceptions=True)
    for number, one in enumerate(found):
        assert isinstance(one, ResponseError) if number in (3, 4) else one == past(number)


@pytest.mark.parametrize("entry", ["", "{", "3", "null", "[]", '"text"', "{}", '{"tags":[]}'])
async def test_an_entry_of_another_hand_is_left_out(
    histories: Histories, redis: Any, entry: str
) -> None:
    """The entries beside it are there."""
    redis.lpush("couple:hist:{u1}", entry)
    assert await histories.read("u1") == past(1)


async def test_facts_of_a_later_version_are_ignored(histories: Histories, redis: Any) -> None:
    """And facts that an earlier one did not write are unknown."""
    redis.lpush("couple:hist:{u1}", '{"item_id":"v","tags":["wok"],"mood":"good"}')
    assert (await histories.read("u1")).history[0] == Watched("v", ["wok"])
