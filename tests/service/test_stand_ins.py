"""An item whose tags are all new: recommended by known tags that stand in, and said so."""

import pytest

from tests.service.conftest import Configure
from tests.service.running import Client, ok, running

pytestmark = pytest.mark.anyio

NEW = {"tags": ["Wok Star", "dogs of mine", "zither"]}  # the bundle knows none of the three


async def test_an_item_with_new_tags_alone_is_recommended(service: Client) -> None:
    """Its tags stay unknown; what stands in for them is named."""
    (result,) = (await service.items(NEW))["results"]
    assert result == {
        "item_id": "v0",
        "status": "created",
        "known_tags": [],
        "unknown_tags": NEW["tags"],
        "retrievable": True,
        "stand_in_tags": ["wok", "dogs"],
    }
    item = ok(await service.get("/items/v0"))
    assert (item["tags"], list(item["retrievable"].values())) == (NEW["tags"], [True])
    assert await service.found() == ["v0"]


async def test_it_scores_as_an_item_with_the_tags_that_stand_in(service: Client) -> None:
    """To the bit, and not as one without them."""
    await service.items({"tags": ["football fans"]}, {"tags": ["football"]}, {"tags": ["cats"]})
    answer = await service.recommend(history=[{"tags": ["football"]}])
    scores = {c["item_id"]: c["score"] for c in answer["candidates"]}
    assert scores["v0"] == scores["v1"] > scores["v2"]


async def test_one_known_tag_and_nothing_stands_in(service: Client) -> None:
    """Given or found in the title: the field is absent, and the scores are as ever."""
    posted = await service.items(
        {"tags": ["cats", "football fans"]}, {"tags": ["cats"]}, {"title": "cats of mine"}
    )
    assert all("stand_in_tags" not in result for result in posted["results"])
    answer = await service.recommend(history=[{"tags": ["football"]}])
    assert len({c["score"] for c in answer["candidates"]}) == 1


async def test_nothing_stands_in_for_what_is_only_spelled_alike(service: Client) -> None:
    """No known word stands in these; the item is kept, and no model recommends it."""
    (result,) = (await service.items({"tags": ["woks", "catz"]}))["results"]
    assert "stand_in_tags" not in result
    assert result["retrievable"] is False
    assert await service.modelled() == []


async def test_what_stands_in_serves_no_other_domain(service: Client) -> None:
    """An item of a source domain is not recommended by it either."""
    (result,) = (await service.items({"domain": "shop", **NEW}))["results"]
    assert result["retrievable"] is False
    assert await service.found() == []


async def test_a_tag_that_becomes_known_takes_the_place_of_its_stand_ins(service: Client) -> None:
    """By the next version of the item."""
    await service.items({"tags": ["football fans"]})
    (result,) = (await service.items({"tags": ["football fans", "cats"]}))["results"]
    assert "stand_in_tags" not in result
    answer = await service.recommend(history=[{"tags": ["cats"]}])
    assert answer["candidates"][0]["score"] == pytest.approx(1.0, abs=1e-3)


async def test_an_explanation_says_that_a_tag_only_stands_in(service: Client) -> None:
    """Also where the user has that very tag; beside it known tags are not marked."""
    await service.items({"tags": ["football fans"]}, {"tags": ["football"]})
    answer = await service.recommend(history=[{"tags": ["football"]}], explain=True)
    reasons = {c["item_id"]: c["reasons"]["tags"] for c in answer["candidates"]}
    (known,), (stand_in,) = reasons["v1"], reasons["v0"]
    assert "stand_in" not in known
    assert stand_in == {**known, "stand_in": True}


async def test_nothing_stands_in_for_the_tags_of_a_history(service: Client) -> None:
    """What a user did is not guessed: unknown tags stay unknown, and that is said."""
    await service.items({"tags": ["football"]})
    answer = await service.recommend(history=[{"tags": ["football fans"]}])
    assert answer["degraded"][0] == "unknown_tags"


async def test_every_replica_recommends_by_the_same_tags(
    service: Client, configure: Configure
) -> None:
    """One that hears of the item from the log, one that starts later, and the one that answered."""
    async with running(configure()) as beside:
        sequence = (await service.items(NEW))["sequence"]
        async with running(configure()) as later:
            scores = [
                (await client.recommend(after=sequence, history=[{"tags": ["dogs"]}]))["candidates"]
                for client in (service, beside, later)
            ]
    assert [[c["item_id"] for c in found] for found in scores] == [["v0"]] * 3
    assert scores[0] == scores[1] == scores[2]
