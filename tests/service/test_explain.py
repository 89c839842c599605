"""`explain: true`: which tags carried a candidate, without touching the answer."""

from typing import Any

import pytest

from tests.service.conftest import Configure
from tests.service.own_store import scripts
from tests.service.running import Client, running

pytestmark = pytest.mark.anyio


async def stock(service: Client) -> None:
    await service.items(
        {"tags": ["wok", "dogs"]}, {"tags": ["cats"]}, {"title": "Football!"}, {"tags": ["goals"]}
    )
    await service.events(
        {"item_id": "p1", "tags": ["wok", "noodles"]},
        {"item_id": "p2", "tags": ["noodles", "zither"]},
        {"item_id": "p3", "tags": ["zither"]},
    )


async def test_candidates_and_scores_are_those_of_the_unexplained_answer(service: Client) -> None:
    """Only `reasons` is added."""
    await stock(service)
    plain, explained = await service.recommend(), await service.recommend(explain=True)
    for candidate in explained["candidates"]:
        assert set(candidate.pop("reasons")) == {"tags"}
    assert explained | {"request_id": ""} == plain | {"request_id": ""}


async def test_the_same_tag_comes_first_with_the_items_that_carried_it(service: Client) -> None:
    """Then the nearest other tag, by the item tower's inner product."""
    await stock(service)
    answer = await service.recommend(explain=True)
    reasons = {c["item_id"]: c["reasons"]["tags"] for c in answer["candidates"]}
    same, near = reasons["v0"]
    assert same == {
        "tag": "wok",
        "via": "wok",
        "similarity": pytest.approx(1.0),
        "history": ["p1"],
    }
    assert (near["tag"], near["via"], near["history"]) == ("dogs", "wok", ["p1"])
    assert 0.05 < near["similarity"] < 0.2
    assert [pair["tag"] for pair in reasons["v2"]] == ["football"]


async def test_a_tag_names_every_item_that_carried_it_once(service: Client) -> None:
    """Oldest first; items without an id carry without being named."""
    await stock(service)
    history = [
        {"item_id": "a", "tags": ["cats"]},
        {"tags": ["cats"]},
        {"item_id": "b", "tags": ["cats", "Cats"]},
        {"item_id": "a", "title": "cats"},
    ]
    answer = await service.recommend(k=1, history=history, explain=True)
    assert answer["candidates"][0]["reasons"]["tags"][0]["history"] == ["a", "b"]


async def test_only_what_the_tower_saw_explains(service: Client) -> None:
    """The newest L items (five here) with a known tag, the first N tags (four) of each."""
    await stock(service)
    seen = {"item_id": "seen", "tags": ["noodles", "wok", "dogs", "goals", "cats"]}
    history = [{"item_id": "old", "tags": ["cats"]}] + [seen] * 5 + [{"tags": ["zither"]}] * 9
    answer = await service.recommend(history=history, explain=True)
    reasons = {c["item_id"]: c["reasons"]["tags"] for c in answer["candidates"]}
    (cats,) = reasons["v1"]
    assert cats["via"] != "cats"
    assert cats["history"] == ["seen"]


async def test_nobody_in_particular_has_no_reasons(service: Client) -> None:
    """Without a history, or without a known tag in it."""
    await stock(service)
    for history in ([], [{"tags": ["zither"]}]):
        answer = await service.recommend(history=history, explain=True)
        assert {str(c["reasons"]) for c in answer["candidates"]} == {"{'tags': []}"}


async def test_at_most_five_pairs_explain_a_candidate(service: Client) -> None:
    """The bundle's N is four here, so never more than that either."""
    await service.items({"tags": ["wok", "noodles", "cats", "dogs", "goals", "football"]})
    answer = await service.recommend(history=[{"tags": ["goals", "wok"]}], explain=True)
    pairs = answer["candidates"][0]["reasons"]["tags"]
    assert {pair["tag"] for pair in pairs[:1]} == {"wok"}
    assert len(pairs) == 4


async def test_only_candidates_that_there_are_reasons_for_are_read(
    configure: Configure, redis: Any
) -> None:
    """Those of other channels have none, so nobody asks Redis for their tags."""
    fresh = [{"name": "fresh", "quota": 1}]
    async with running(configure(channels=fresh)) as client:
        await stock(client)
        before = scripts(redis)
        answer = await client.recommend(k=3, explain=True)
        assert {c["channel"] for c in answer["candidates"]} == {"fresh"}
        assert {str(c["reasons"]) for c in answer["candidates"]} == {"{'tags': []}"}
        assert scripts(redis) == before
