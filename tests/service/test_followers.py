"""One tail, several followers: each at the head, none disturbed by another's trouble."""

import asyncio
from typing import Any

import pytest

from service.replica import Replica
from service.sequence import LogSequence
from service.tail import Tail
from tests.service.conftest import Configure
from tests.service.running import Client, running, until
from tests.service.test_replica import Tags

pytestmark = pytest.mark.anyio

LOG = "couple:{items}:log"


def tail(client: Client) -> Tail:
    found = client.app.state.parts.tail
    assert isinstance(found, Tail)
    return found


async def joined(client: Client, *ids: str) -> Replica[Tags]:
    """One more follower, once it holds exactly these items."""
    replica = Replica(Tags)
    tail(client).add(replica)
    await until_held(replica, *ids)
    return replica


async def until_held(replica: Replica[Tags], *ids: str) -> None:
    async def holds() -> bool:
        return replica.sequence is not None and set(replica.shelf.tags) == set(ids)

    await until(holds)


async def test_a_follower_may_come_and_go_while_the_log_is_followed(service: Client) -> None:
    """It starts from the catalogue, hears of every write, and of none after it was dropped."""
    await service.items({"item_id": "a", "tags": ["wok"]})
    replica = await joined(service, "a")
    await service.items({"item_id": "b", "tags": ["zither"]})
    assert replica.shelf.tags == {"a": ["wok"], "b": ["zither"]}
    tail(service).drop(replica)
    await service.items({"item_id": "c", "tags": ["wok"]})
    assert set(replica.shelf.tags) == {"a", "b"}
    assert sorted(await service.found()) == ["a", "b", "c"]


async def test_a_write_is_answered_when_every_follower_has_it(service: Client) -> None:
    """Read-your-writes, for whatever the process answers from."""
    replicas = [await joined(service) for _ in range(3)]
    for number in range(20):
        written = await service.items({"item_id": f"i{number}", "tags": ["wok"]})
        assert all(len(replica.shelf.tags) == number + 1 for replica in replicas)
        assert {str(replica.sequence) for replica in replicas} == {written["sequence"]}


async def test_a_follower_that_knows_its_place_goes_on_from_there(service: Client) -> None:
    """Nothing is paged again: what it holds may have come from a snapshot."""
    first = await service.items({"item_id": "a", "tags": ["wok"]})
    await service.items({"item_id": "b", "tags": ["wok"]})
    replica, shelf = Replica(Tags), Tags()
    replica.take(shelf, LogSequence.parse(first["sequence"]))
    tail(service).add(replica)
    await until_held(replica, "b")
    assert replica.shelf is shelf


async def test_only_the_follower_with_a_gap_starts_again(service: Client, redis: Any) -> None:
    """One stands where the log is trimmed, another in a store that is no more."""
    first = await service.items({"item_id": "a", "tags": ["wok"]})
    await service.items({"item_id": "b", "tags": ["wok"]}, {"item_id": "c", "tags": ["wok"]})
    redis.xtrim(LOG, maxlen=1, approximate=False)
    shelf = service.app.state.parts.generations.active.replica.shelf
    behind, foreign = Replica(Tags), Replica(Tags)
    behind.take(Tags(), LogSequence.parse(first["sequence"]))
    foreign.take(Tags(), LogSequence("f" * 16, (1, 0)))
    for replica in (behind, foreign):
        tail(service).add(replica)
        await until_held(replica, "a", "b", "c")
    await service.items({"item_id": "d", "tags": ["wok"]})
    assert len(behind.shelf.tags) == len(foreign.shelf.tags) == 4
    assert service.app.state.parts.generations.active.replica.shelf is shelf


async def test_a_follower_that_has_far_to_go_holds_up_nobody(service: Client) -> None:
    """The others follow while it comes to the head by itself."""
    for start in (0, 1000, 2000):
        await service.items(*({"item_id": f"i{start + n}", "tags": ["wok"]} for n in range(1000)))
    late = Replica(Tags)
    tail(service).add(late)
    active = service.app.state.parts.generations.active
    overtaken = False
    async with asyncio.timeout(10):
        while late.sequence is None:
            written = await service.app.state.parts.catalogue.write([])
            overtaken = overtaken or active.replica.has(written.sequence)
            await asyncio.sleep(0)
    assert overtaken
    assert len(late.shelf.tags) == 3000


async def test_readiness_waits_for_every_follower(configure: Configure) -> None:
    """A process whose facts are not there yet is not ready, though its index may be."""
    async with running(configure()) as service:
        assert tail(service).ready
        tail(service).add(Replica(Tags))
        assert (await service.get("/readyz")).status_code == 503
        await until(lambda: _is_ready(service))


async def _is_ready(service: Client) -> bool:
    return (await service.get("/readyz")).status_code == 200
