"""Last writer wins, by version and not by arrival; tombstones; every replica comes to the same."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.conftest import Configure
from tests.service.running import Client, ok, running

pytestmark = pytest.mark.anyio


async def put(client: Client, tag: str, version: int | None = None) -> str:
    answer = await client.items({"tags": [tag], "version": version})
    return str(answer["results"][0]["status"])


async def delete(client: Client, version: int | None = None) -> str:
    query = "" if version is None else f"?version={version}"
    return str(ok(await client.delete(f"/items/v0{query}"))["status"])


async def tags(client: Client) -> list[str] | None:
    response = await client.get("/items/v0")
    return None if response.status_code == 404 else list(ok(response)["tags"])


async def test_the_four_statuses(service: Client) -> None:
    """created, updated, unchanged, stale, as the version and the content say."""
    assert await put(service, "wok", 5) == "created"
    assert await put(service, "wok", 5) == "unchanged"
    assert await put(service, "cats", 5) == "stale"
    assert await put(service, "cats", 4) == "stale"
    assert await put(service, "cats", 6) == "updated"
    assert await put(service, "cats", 7) == "updated"
    assert await tags(service) == ["cats"]


async def test_only_what_changes_something_moves_the_log(service: Client, redis: Any) -> None:
    """unchanged, stale and absent leave no entry."""
    await put(service, "wok", 5)
    await put(service, "wok", 5)
    await put(service, "cats", 4)
    await delete(service, 4)
    assert redis.xlen("couple:{items}:log") == 1
    await delete(service, 5)
    await delete(service, 6)
    assert redis.xlen("couple:{items}:log") == 2


async def test_content_is_compared_by_value(service: Client) -> None:
    """The order of attributes is nothing; the order of tags is content."""
    one = {"tags": ["wok", "cats"], "version": 1, "attributes": {"a": "1", "b": ["2"]}}
    two = {**one, "attributes": {"b": ["2"], "a": "1"}}
    await service.items(one)
    assert (await service.items(two))["results"][0]["status"] == "unchanged"
    other = {**one, "tags": ["cats", "wok"]}
    assert (await service.items(other))["results"][0]["status"] == "stale"


@pytest.mark.parametrize(
    ("low", "high"),
    [(-(2**63), 2**63 - 1), (-2, -1), (-1, 0), (9, 10), (2**53, 2**53 + 1), (2**62, 2**62 + 1)],
)
async def test_versions_compare_as_int64(service: Client, low: int, high: int) -> None:
    """Neighbours that a double cannot tell apart, and signs."""
    assert await put(service, "wok", low) == "created"
    assert await put(service, "cats", high) == "updated"
    assert await put(service, "dogs", low) == "stale"
    assert await put(service, "cats", high) == "unchanged"


async def test_without_versions_the_later_wins_even_within_one_millisecond(
    service: Client, redis: Any
) -> None:
    """A hundred posts and deletions as fast as Redis takes them: none is stale."""
    from service.catalogue import Change
    from service.item import Item

    catalogue = service.app.state.parts.catalogue
    for number in range(25):
        item = Item("fast", [f"t{number}"], "live")
        changes = [Change("put", "fast", None, item), Change("delete", "fast")] * 2
        statuses = (await catalogue.write(changes)).statuses  # one script: one time for all
        assert statuses == ["created", "deleted", "created", "deleted"]
    twice = [Change("put", "fast", None, Item("fast", [tag], "live")) for tag in "ab"]
    assert (await catalogue.write(twice)).statuses == ["created", "updated"]
    assert json.loads(redis.hget("couple:{items}:item:fast", "content"))["tags"] == ["b"]


async def test_without_a_version_a_higher_given_one_stands(service: Client) -> None:
    """The server's milliseconds are a version like any other."""
    await put(service, "wok", 2**60)
    assert await put(service, "cats") == "stale"
    assert await delete(service) == "stale"
    assert await tags(service) == ["wok"]


async def test_a_tombstone_keeps_late_upserts_out(service: Client) -> None:
    """At or below its version nothing comes back; above it the item is created anew."""
    await put(service, "wok", 5)
    assert await delete(service, 4) == "stale"
    assert await delete(service, 7) == "deleted"
    assert await put(service, "wok", 6) == "stale"
    assert await put(service, "wok", 7) == "stale"
    assert await tags(service) is None
    assert await service.found() == []
    assert await put(service, "wok", 8) == "created"
    assert await service.found() == ["v0"]


async def test_a_deletion_that_overtakes_its_item_wins(service: Client) -> None:
    """An item never seen leaves a tombstone too, and a later deletion raises it."""
    assert await delete(service, 7) == "absent"
    assert await delete(service, 9) == "absent"
    assert await delete(service, 3) == "absent"
    assert await put(service, "wok", 8) == "stale"
    assert await put(service, "wok", 10) == "created"


async def test_a_tombstone_lasts_as_long_as_the_log(configure: Configure, redis: Any) -> None:
    """It is forgotten after the retention, and a revived item is not."""
    async with running(configure(log_retention_s=0.3)) as service:
        await service.items(*({"tags": ["wok"], "version": 5} for _ in range(2)))
        await service.delete("/items/v0?version=6")
        await service.delete("/items/v1?version=6")
        assert (await service.items({"tags": ["wok"], "version": 7}))["results"]
        assert redis.pttl("couple:{items}:item:v0") == -1
        assert 0 < redis.pttl("couple:{items}:item:v1") <= 300
        await asyncio.sleep(0.35)
        assert redis.exists("couple:{items}:item:v0", "couple:{items}:item:v1") == 1


WRITES = st.lists(
    st.tuples(st.sampled_from(["put", "delete"]), st.integers(0, 6)), min_size=1, max_size=12
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(writes=WRITES, shuffle=st.randoms(use_true_random=False))
def test_whatever_the_order_of_arrival_the_highest_version_wins(
    configure: Configure, redis: Any, writes: list[tuple[str, int]], shuffle: Any
) -> None:
    """Two replicas, two orders, one end: the highest version, a deletion where it ties."""

    async def arrive(client: Client, item_id: str, order: list[tuple[str, int]]) -> None:
        for kind, version in order:
            if kind == "delete":
                ok(await client.delete(f"/items/{item_id}?version={version}"))
            else:
                item = {"item_id": item_id, "tags": ["wok", f"t{version}"], "version": version}
                await client.items(item)

    async def run() -> None:
        redis.flushall()
        other = list(writes)
        shuffle.shuffle(other)
        async with running(configure()) as one, running(configure()) as two:
            await arrive(one, "a", writes)
            await arrive(two, "b", other)
            after = (await two.items({"item_id": "end", "tags": ["cats"]}))["sequence"]
            _, kind, version = max((version, kind == "delete", version) for kind, version in writes)
            expected = None if kind else ["wok", f"t{version}"]
            for client in (one, two):
                found = {c["item_id"] for c in (await client.recommend(after=after))["candidates"]}
                assert found == ({"end"} if expected is None else {"a", "b", "end"})
                for item_id in ("a", "b"):
                    response = await client.get(f"/items/{item_id}")
                    gone = response.status_code == 404
                    assert (None if gone else ok(response)["tags"]) == expected

    asyncio.run(run())
