"""Impressions and popularity as Redis counts them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from service import store
from service.catalogue import POPULAR, SEEN, Catalogue, Change
from service.counters import Counters
from service.event import Event, EventType
from service.item import Item
from tests.service.conftest import Configure

pytestmark = pytest.mark.anyio

HALF_LIFE = 100.0
NOW = 1.8e9


@pytest.fixture
async def there(configure: Configure) -> AsyncIterator[Any]:
    async with store.connect(configure()) as redis:
        catalogue = Catalogue(redis, 60)
        await catalogue.write([Change("put", name, 1, Item(name, [], "live")) for name in "abcd"])
        yield redis


def event(item_id: str, type_: EventType = "click", time: float = NOW) -> Event:
    return Event("u1", item_id, type_, time, [])


async def count(there: Any, events: Sequence[Event], length: int = 10) -> Counters:
    counters = Counters(there, HALF_LIFE, length)
    async with there.pipeline(transaction=False) as pipe:
        counters.add(pipe, events, NOW)
        await pipe.execute()
    return counters


def worth(time: float) -> float:
    """How many positives of NOW."""
    return float(2 ** ((time - NOW) / HALF_LIFE))


async def test_impressions_are_counted_by_item(there: Any) -> None:
    """Every one; a skip is none, and what the catalogue does not hold is not counted."""
    shown = [event(name, "impression") for name in ("a", "b", "a", "nobody")]
    counters = await count(there, [*shown, event("a", "skip")])
    assert await counters.seen(["b", "nobody", "a", "c"]) == [1, 0, 2, 0]
    assert await counters.seen([]) == []
    assert await there.hkeys(SEEN) == ["a", "b"]
    assert await counters.popular() == []


async def test_positives_are_worth_half_after_every_half_life(there: Any) -> None:
    """Their sum at any time, whatever the order in which they come."""
    past = [("a", 0.0), ("a", 100.0), ("b", 50.0), ("a", 200.0), ("b", 0.0)]
    counters = await count(there, [event(name, "like", NOW - age) for name, age in past])
    found = {name: worth(time) for name, time in await counters.popular()}
    assert found == {
        "b": pytest.approx(1 + 2**-0.5, rel=1e-5),
        "a": pytest.approx(1 + 0.5 + 0.25, rel=1e-5),
    }
    assert [name for name, _ in await counters.popular()] == ["a", "b"]


async def test_every_positive_type_counts(there: Any) -> None:
    types: tuple[EventType, ...] = ("click", "like", "finish", "purchase")
    counters = await count(there, [event("a", type_) for type_ in types])
    assert [worth(time) for _, time in await counters.popular()] == [pytest.approx(4, rel=1e-5)]


async def test_a_time_ahead_counts_as_now(there: Any) -> None:
    """Else one caller's wrong clock would lead for ever; ages ago is worth nothing."""
    counters = await count(there, [event("a", time=NOW + 1e6), event("b", time=0.0)])
    assert await counters.popular() == [("a", NOW), ("b", 0.0)]


async def test_the_least_popular_go_when_there_are_too_many(there: Any) -> None:
    events = [event(name, time=NOW - age) for age, name in enumerate("cdab")]
    assert [name for name, _ in await (await count(there, events, 2)).popular()] == ["c", "d"]


async def test_both_go_with_their_item(there: Any) -> None:
    """Deleted or expired; an event that comes later brings nothing back."""
    both = [event(name, type_) for name in "abc" for type_ in ("impression", "click")]
    counters = await count(there, both)
    catalogue = Catalogue(there, 60)
    ended = Item("b", [], "live", expires_at=1.0)
    await catalogue.write([Change("delete", "a"), Change("put", "b", 2, ended)])
    await catalogue.write([Change("expire", "b")])
    await count(there, both[:4])
    assert (await there.hkeys(SEEN), await there.zrange(POPULAR, 0, -1)) == (["c"], ["c"])
    assert await counters.seen(["a", "b", "c"]) == [0, 0, 1]
