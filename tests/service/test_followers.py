"""One tail, several followers: each at the head, none disturbed by another's trouble."""

import asyncio
import threading
from typing import Any, TypeVar

import pytest

from service.replica import Replica
from service.sequence import LogSequence
from service.tail import Tail
from tests.service.conftest import Configure
from tests.service.running import Client, ok, running, until
from tests.service.test_replica import Tags

pytestmark = pytest.mark.anyio

LOG = "couple:{items}:log"

T = TypeVar("T", bound=Tags)


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


async def until_held(replica: Replica[T], *ids: str) -> None:
    async def holds() -> bool:
        return replica.sequence is not None and set(replica.shelf.tags) == set(ids)

    await until(holds)


async def test_a_follower_may_come_and_go_while_the_log_is_followed(service: Client) -> None:
    """It starts from the catalogue, hears of every write, and of none after it was dropped."""
    await service.items({"item_id": "a", "tags": ["wok"]})
    replica = await joined(service, "a")
    await service.items({"item_id": "b", "tags": ["zither"]})
    await until_held(replica, "a", "b")
    assert replica.shelf.tags == {"a": ["wok"], "b": ["zither"]}
    tail(service).drop(replica)
    await service.items({"item_id": "c", "tags": ["wok"]})
    assert set(replica.shelf.tags) == {"a", "b"}
    assert sorted(await service.found()) == ["a", "b", "c"]


class Dawdling(Tags):
    """A shelf that is not ready before it is told to be."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def settle(self) -> None:
        self.told.wait(30)


async def test_a_write_waits_for_what_answers_and_not_for_who_is_on_the_way(
    service: Client,
) -> None:
    """Facts and index of the active model have it; another model's index may still be filled."""
    shelf = Dawdling()
    late = Replica(lambda: shelf)
    tail(service).add(late)
    parts = service.app.state.parts
    try:
        for number in range(3):
            written = await service.items({"item_id": f"i{number}", "tags": ["wok"]})
            assert written["applied"] is True
            for answering in (parts.facts, parts.generations.active.replica):
                assert str(answering.sequence) == written["sequence"]
        assert late.sequence is None
    finally:
        shelf.told.set()
    await until_held(late, "i0", "i1", "i2")


async def test_a_write_that_is_not_applied_in_time_says_so(configure: Configure) -> None:
    """It is in the catalogue all the same, and the sequence tells the callers that see it."""
    async with running(configure(apply_timeout_ms=20, after_timeout_ms=20)) as service:
        facts = service.app.state.parts.facts
        tail(service).drop(facts)
        posted = await service.items({"item_id": "a", "tags": ["wok"]})
        assert posted["applied"] is False
        deleted = ok(await service.delete("/items/a"))
        assert (deleted["status"], deleted["applied"]) == ("deleted", False)


async def test_an_answer_waits_for_facts_as_it_does_for_vectors(configure: Configure) -> None:
    """Half of the channels know nothing but facts: without them the answer is stale."""
    async with running(configure(after_timeout_ms=20)) as service:
        facts = service.app.state.parts.facts
        tail(service).drop(facts)
        sequence = (await service.items({"item_id": "a", "tags": ["wok"]}))["sequence"]
        assert "stale_index" in (await service.recommend(after=sequence))["degraded"]
        similar = await service.post(
            "/similar", json={"tags": ["wok"]}, headers={"X-Couple-After": sequence}
        )
        assert "stale_index" in ok(similar)["degraded"]
        tail(service).add(facts)

        async def fresh() -> bool:
            answer = await service.recommend(after=sequence)
            return "stale_index" not in answer["degraded"]

        await until(fresh)


async def test_a_shelf_is_settled_beside_the_loop_before_it_answers(service: Client) -> None:
    """What is written meanwhile is not lost."""
    shelf = Dawdling()
    replica = Replica(lambda: shelf)
    await service.items({"item_id": "a", "tags": ["wok"]})
    tail(service).add(replica)
    await until(lambda: _holds(shelf, 1))
    await service.items({"item_id": "b", "tags": ["wok"]})
    assert (len(shelf.tags), replica.sequence) == (1, None)
    shelf.told.set()
    await until_held(replica, "a", "b")


async def _holds(shelf: Tags, count: int) -> bool:
    return len(shelf.tags) == count


async def test_one_that_goes_astray_may_be_somebody_elses_business(
    service: Client, redis: Any
) -> None:
    """It is dropped as it stands and that is said; readiness no longer waits for it."""
    first = await service.items({"item_id": "a", "tags": ["wok"]})
    await service.items({"item_id": "b", "tags": ["wok"]}, {"item_id": "c", "tags": ["wok"]})
    redis.xtrim(LOG, maxlen=1, approximate=False)
    behind, told = Replica(Tags), asyncio.Event()

    def taken() -> bool:
        told.set()
        return True

    behind.take(Tags(), LogSequence.parse(first["sequence"]))
    tail(service).add(behind, taken)
    await asyncio.wait_for(told.wait(), 10)
    await service.items({"item_id": "d", "tags": ["wok"]})
    assert (behind.shelf.tags, str(behind.sequence)) == ({}, first["sequence"])
    assert tail(service).ready


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
    for replica in (behind, foreign):
        await until_held(replica, "a", "b", "c", "d")
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
