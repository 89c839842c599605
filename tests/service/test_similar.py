"""POST /similar: items like an item of the catalogue, or like one that has some tags."""

from typing import Any

import pytest

from tests.service.conftest import Configure
from tests.service.running import Client, ok, refused, running

pytestmark = pytest.mark.anyio


async def stock(service: Client) -> None:
    """v0 wok, v1 wok and cats, v2 cats, v3 dogs, v4 new words; p0 of the shop with wok."""
    await service.items(
        {"tags": ["wok"]},
        {"tags": ["wok", "cats"], "attributes": {"language": "en"}},
        {"tags": ["cats"], "attributes": {"language": "en"}},
        {"tags": ["dogs"]},
        {"tags": ["zither"]},
        {"item_id": "p0", "tags": ["wok"], "domain": "shop"},
    )


async def similar(service: Client, **body: Any) -> Any:
    """POST /similar that must succeed."""
    return ok(await service.post("/similar", json=body))


def ids(answer: Any) -> list[str]:
    return [candidate["item_id"] for candidate in answer["candidates"]]


async def test_the_nearest_items_lead_and_the_item_itself_is_left_out(service: Client) -> None:
    """By falling score; of the target domain alone; each once."""
    await stock(service)
    answer = await similar(service, item_id="v1", k=3)
    assert set(ids(answer)) == {"v0", "v2", "v3"}
    assert ids(answer)[2] == "v3"
    scores = [candidate["score"] for candidate in answer["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert {candidate["channel"] for candidate in answer["candidates"]} == {"model"}
    assert answer["degraded"] == []
    assert answer["model"]["name"] == "tiny"
    assert "user_id" not in answer


async def test_an_item_of_another_domain_has_neighbours_too(service: Client) -> None:
    """Which videos go with this product? Exactly those of its tags."""
    await stock(service)
    answer = await similar(service, item_id="p0", k=1)
    assert (ids(answer), answer["degraded"]) == (["v0"], [])
    assert answer["candidates"][0]["score"] == pytest.approx(1.0, abs=1e-3)


async def test_tags_are_embedded_on_the_spot(service: Client) -> None:
    """The same scores as for an item with them; unknown ones among known ones do not matter."""
    await stock(service)
    by_tags = await similar(service, tags=["Wok", "zither", "cats"], exclude_item_ids=["v1"])
    by_id = await similar(service, item_id="v1")
    assert by_tags["candidates"] == by_id["candidates"]
    assert by_tags["degraded"] == by_id["degraded"] == ["short"]


async def test_exclusions_and_filters_hold_as_in_recommend(service: Client) -> None:
    await stock(service)
    assert ids(await similar(service, tags=["wok"], k=1, exclude_item_ids=["v0"])) == ["v1"]
    answer = await similar(service, tags=["wok"], k=5, filters={"language": ["en"]})
    assert (ids(answer), answer["degraded"]) == (["v1", "v2"], ["short"])


async def test_unknown_tags_are_said_and_offered_what_stands_in(service: Client) -> None:
    """As an item with new tags alone is read; where nothing stands in, nothing is offered."""
    await stock(service)
    stood_in = await similar(service, tags=["dogs of mine"], k=1)
    assert (ids(stood_in), stood_in["degraded"]) == (["v3"], ["unknown_tags"])
    for unknown in ({"tags": ["zither"]}, {"item_id": "v4"}):
        answer = await similar(service, k=2, **unknown)
        assert (answer["candidates"], answer["degraded"]) == ([], ["unknown_tags", "short"])


async def test_what_the_catalogue_does_not_hold_is_404(service: Client) -> None:
    """Never posted, deleted or expired; and the way out is named."""
    await stock(service)
    await service.delete("/items/v0")
    await service.items({"item_id": "old", "tags": ["wok"], "expires_at": "2020-01-01T00:00:00Z"})
    for item_id in ("nothing", "v0", "old"):
        problem = refused(await service.post("/similar", json={"item_id": item_id}), 404)
        assert problem["detail"] == (
            "the catalogue holds no such item: post it first, or send its tags"
        )


@pytest.mark.parametrize(
    ("body", "place", "detail"),
    [
        ({}, "body", "Give either item_id or tags (at least one), not both"),
        ({"tags": []}, "body", "Give either item_id or tags (at least one), not both"),
        ({"tags": ["a"], "item_id": "a"}, "body", "Give either item_id or tags"),
        ({"tags": ["\u2003"]}, "body", "A tag should have a character that is not a blank"),
        ({"tags": ["x" * 65]}, "tags[0]", "String should have at most 64 characters"),
        ({"tags": ["a"] * 65}, "tags", "List should have at most 64 items"),
        ({"item_id": ""}, "item_id", "String should have at least 1 character"),
        ({"item_id": "a", "k": 501}, "k", "Input should be less than or equal to 500"),
        ({"item_id": "a", "exclude_item_ids": [""]}, "exclude_item_ids[0]", "String should have"),
        ({"item_id": "a", "user_id": "u"}, "user_id", "A field that does not exist here"),
    ],
)
async def test_a_question_past_the_limit_is_named(
    service: Client, body: dict[str, Any], place: str, detail: str
) -> None:
    (error,) = refused(await service.post("/similar", json=body), 422)["errors"]
    assert error["detail"].startswith(detail)
    assert error["place"] == place


async def test_a_sequence_is_waited_for(configure: Configure) -> None:
    """What one replica took, another finds; one that never comes leaves the answer stale."""
    async with running(configure()) as one, running(configure()) as two:
        posted = await one.items({"tags": ["wok"]}, {"tags": ["cats"]})
        headers = {"X-Couple-After": posted["sequence"]}
        answer = ok(await two.post("/similar", json={"item_id": "v0", "k": 1}, headers=headers))
        assert (ids(answer), answer["degraded"]) == (["v1"], [])
        assert answer["sequence"] == posted["sequence"]
        store, _, position = posted["sequence"].partition(".")
        ahead = {"X-Couple-After": f"{store}.{int(position.split('-')[0]) + 10**6}-0"}
        stale = ok(await two.post("/similar", json={"item_id": "v0", "k": 1}, headers=ahead))
        assert (ids(stale), stale["degraded"]) == (["v1"], ["stale_index"])
