"""POST /recommend: whose history counts, what is left out, and what `degraded` says."""

import asyncio
from typing import Any

import pytest

from service.sequence import LogSequence
from tests.service.conftest import Configure
from tests.service.running import Client, refused, running

pytestmark = pytest.mark.anyio

WOK = [{"tags": ["wok"]}]


async def stock(service: Client) -> None:
    """v0 wok, v1 wok and cats, v2 cats, v3 dogs."""
    await service.items(
        {"tags": ["wok"]},
        {"tags": ["wok", "cats"]},
        {"tags": ["cats"]},
        {"tags": ["dogs"], "attributes": {"language": ["en", "ja"], "region": "tw"}},
    )


async def test_an_unknown_user_gets_an_answer(service: Client) -> None:
    """200 with candidates, and the reason why they are nobody's in particular."""
    await stock(service)
    answer = await service.recommend("nobody", k=2)
    assert answer["degraded"] == ["no_history"]
    assert len(answer["candidates"]) == 2
    assert answer["user_id"] == "nobody"
    assert answer["experiments"] == []
    assert answer["model"]["name"] == "tiny"


async def test_candidates_are_ranked_by_the_history(service: Client) -> None:
    """What the user clicked leads; scores fall; every candidate names its channel."""
    await stock(service)
    await service.events({"item_id": "p", "tags": ["cats"], "domain": "product"})
    answer = await service.recommend(k=3)
    assert [c["item_id"] for c in answer["candidates"]][:2] == ["v2", "v1"]
    scores = [c["score"] for c in answer["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1.0, abs=1e-3)
    assert {c["channel"] for c in answer["candidates"]} == {"model"}
    assert answer["degraded"] == []


async def test_a_history_without_known_tags_is_said_to_be_unknown(service: Client) -> None:
    """unknown_tags, not no_history; the answer is still there."""
    await stock(service)
    await service.events({"item_id": "p", "tags": ["zither"]})
    answer = await service.recommend(k=1)
    assert answer["degraded"] == ["unknown_tags"]
    assert len(answer["candidates"]) == 1


async def test_titles_of_a_history_give_tags(service: Client) -> None:
    """Stored and sent alike, where there are no tags."""
    await stock(service)
    await service.events({"item_id": "p", "title": "My cats!"})
    assert (await service.found(k=1)) == ["v2"]
    assert (await service.found(k=1, history=[{"title": "Two dogs"}])) == ["v3"]
    assert (await service.found(k=1, history=[{"title": "dogs", "tags": ["wok"]}])) == ["v0"]


async def test_a_history_in_the_request_replaces_the_stored_one(service: Client) -> None:
    """For the ranking; an empty one too."""
    await stock(service)
    await service.events({"item_id": "p", "tags": ["cats"]})
    assert await service.found(k=1, history=WOK) == ["v0"]
    assert (await service.recommend(k=1, history=[]))["degraded"] == ["no_history"]


async def test_only_the_newest_items_of_a_history_count(service: Client) -> None:
    """The bundle's L: five here, oldest first in the request."""
    await stock(service)
    old_first = [{"tags": ["dogs"]}] * 20 + [{"tags": ["cats"]}] * 5
    assert await service.found(k=1, history=old_first) == ["v2"]


async def test_seen_items_are_left_out(service: Client) -> None:
    """The stored history and impressions, and items of a history that was sent."""
    await stock(service)
    await service.events({"item_id": "v0"}, {"item_id": "v1", "type": "impression"})
    assert sorted(await service.found()) == ["v2", "v3"]
    assert len(await service.found(exclude_seen=False)) == 4
    sent = [{"item_id": "v2", "tags": ["cats"]}]
    assert await service.found(history=sent) == ["v3"]
    assert len(await service.found(history=sent, exclude_seen=False)) == 4


async def test_skips_are_no_impressions(service: Client) -> None:
    await stock(service)
    await service.events({"item_id": "v0", "type": "skip"})
    assert len(await service.found()) == 4


async def test_an_exclude_list_holds(service: Client) -> None:
    """Whatever else; ids nobody knows are fine; a short answer says so."""
    await stock(service)
    answer = await service.recommend(k=4, history=WOK, exclude_item_ids=["v0", "v2", "nobody"])
    assert [c["item_id"] for c in answer["candidates"]] == ["v1", "v3"]
    assert answer["degraded"] == ["short"]


async def test_k_is_filled_when_enough_exist(service: Client) -> None:
    """500 of 600, without repetition, though 50 are excluded."""
    await service.items(*({"tags": ["wok"]} for _ in range(600)))
    answer = await service.recommend(
        k=500, history=WOK, exclude_item_ids=[f"v{n}" for n in range(50)]
    )
    found = {c["item_id"] for c in answer["candidates"]}
    assert len(found) == 500
    assert found.isdisjoint({f"v{n}" for n in range(50)})
    assert answer["degraded"] == []


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 4),
        ({"language": ["en"]}, 1),
        ({"language": "ja"}, 1),
        ({"language": ["de", "ja"]}, 1),
        ({"language": ["de"]}, 0),
        ({"language": []}, 0),
        ({"language": ["en"], "region": ["us"]}, 0),
        ({"mood": ["any"]}, 0),
    ],
)
async def test_filters_hold_for_every_key_and_any_value(
    service: Client, filters: dict[str, Any], count: int
) -> None:
    await stock(service)
    assert len(await service.found(filters=filters)) == count


async def test_a_known_sequence_is_waited_for(configure: Configure) -> None:
    """What one replica took, another recommends to whoever sends the sequence."""
    async with running(configure()) as one, running(configure()) as two:
        for number in range(30):
            posted = await one.items({"item_id": f"n{number}", "tags": ["wok"]})
            answer = await two.recommend(after=posted["sequence"])
            assert f"n{number}" in [c["item_id"] for c in answer["candidates"]]
            assert "stale_index" not in answer["degraded"]
            assert answer["sequence"] == posted["sequence"]


async def test_a_sequence_of_the_future_is_waited_for_200_ms(service: Client) -> None:
    """Then the answer comes anyway and says that it is stale."""
    posted = await service.items({"tags": ["wok"]})
    store, _, position = posted["sequence"].partition(".")
    ahead = f"{store}.{int(position.split('-')[0]) + 10**6}-0"
    start = asyncio.get_running_loop().time()
    answer = await service.recommend(after=ahead)
    took = asyncio.get_running_loop().time() - start
    assert "stale_index" in answer["degraded"]
    assert len(answer["candidates"]) == 1
    assert took >= 0.2


async def test_a_sequence_of_another_store_is_a_conflict(service: Client) -> None:
    """409, and how to go on."""
    headers = {"X-Couple-After": str(LogSequence("0" * 16, (1, 1)))}
    response = await service.post("/recommend", json={"user_id": "u"}, headers=headers)
    assert refused(response, 409)["detail"].endswith("was given out by another store: drop it")


@pytest.mark.parametrize("after", ["", "x", "1-1", "0" * 16, f"{'0' * 16}.1-", "é"])
async def test_what_is_no_sequence_is_refused(service: Client, after: str) -> None:
    response = await service.post(
        "/recommend", json={"user_id": "u"}, headers=[(b"X-Couple-After", after.encode())]
    )
    refused(response, 422)
