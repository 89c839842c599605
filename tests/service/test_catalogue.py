"""What the log says of an item: everything, with its version, whoever wrote it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service import store
from service.catalogue import LOG, TOGETHER, Catalogue, Change
from service.item import Item
from service.sequence import START, to_id
from tests.service.conftest import Configure
from tests.service.own_store import scripts

pytestmark = pytest.mark.anyio


@pytest.fixture
async def catalogue(configure: Configure) -> AsyncIterator[Catalogue]:
    async with store.connect(configure()) as redis:
        yield Catalogue(redis, 60)


def put(item_id: str, version: int | None) -> Change:
    return Change("put", item_id, version, Item(item_id, ["wok"], "live"))


async def test_pages_and_log_say_the_same_of_an_item(catalogue: Catalogue) -> None:
    """Its version, signs included, and when it was last written."""
    await catalogue.write([put("a", -(2**63)), put("b", 2**63 - 1), put("c", None)])
    await catalogue.write([put("a", 7)])
    logged = {entry.item_id: entry.stored for entry in await catalogue.entries(START, 9, None)}
    paged = {item_id: one async for page in catalogue.pages(9) for item_id, one in page.items()}
    assert paged == logged
    assert [logged[name].version for name in "ab"] == [7, 2**63 - 1]  # type: ignore[union-attr]  # each is there
    assert all(one and one.logged_at * 1000 > one.version - 1 for one in [logged["c"]])


async def test_a_deletion_is_an_entry_without_an_item(catalogue: Catalogue) -> None:
    await catalogue.write([put("a", 5), Change("delete", "a", 6)])
    assert [entry.stored is None for entry in await catalogue.entries(START, 9, None)] == [
        False,
        True,
    ]


async def test_entries_of_a_service_that_did_not_log_versions_are_read(
    catalogue: Catalogue,
) -> None:
    """The catalogue knows the version; of an item that is gone its deletion follows."""
    await catalogue.write([put("a", 5), put("b", 6), put("c", 7), Change("delete", "c", 8)])
    redis = catalogue._redis
    for stream_id, fields in await redis.xrange(LOG):
        del fields["version"]
        await redis.xdel(LOG, stream_id)
        await redis.xadd("old", fields, id=stream_id)
    await redis.rename("old", LOG)
    await redis.delete("couple:{items}:item:c")
    entries = await catalogue.entries(START, 9, None)
    assert [entry.stored and entry.stored.version for entry in entries] == [5, 6, 0, None]
    assert to_id(entries[1].prev) == to_id(entries[0].position)


async def test_thousands_of_items_are_read_by_parts(catalogue: Catalogue, redis: Any) -> None:
    """Each once, those that are gone or never were left out; Redis is never held for long."""
    ids = [f"v{n}" for n in range(2 * TOGETHER + 1)]
    await catalogue.write([put(item_id, 1) for item_id in ids])
    await catalogue.write([Change("delete", ids[TOGETHER], 2)])
    before = scripts(redis)
    found = await catalogue.items([*ids, "never"])
    assert scripts(redis) - before == 3
    assert list(found) == [item_id for item_id in ids if item_id != ids[TOGETHER]]
    assert all(item.item_id == item_id for item_id, item in found.items())
    assert await catalogue.items([]) == {}
