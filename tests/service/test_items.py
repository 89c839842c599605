"""POST, GET and DELETE /items: what is kept, what is recommended, and what is said about it."""

import asyncio
from typing import Any

import pytest

from service.text import format_time
from tests.service.running import Client, ok, refused

pytestmark = pytest.mark.anyio


async def test_results_stand_in_request_order_and_tell_known_tags_from_unknown(
    service: Client,
) -> None:
    """Each tag is reported once, as it was written."""
    answer = await service.items(
        {"tags": ["Wok", "wok", "zither", " Street  Food "]}, {"tags": ["zither"]}
    )
    first, second = answer["results"]
    assert first == {
        "item_id": "v0",
        "status": "created",
        "known_tags": ["Wok", " Street  Food "],
        "unknown_tags": ["zither"],
        "retrievable": True,
    }
    assert second["item_id"] == "v1"
    assert (second["known_tags"], second["retrievable"]) == ([], False)
    assert answer["durability"] == "memory"
    assert answer["applied"] is True


async def test_an_item_is_recommended_as_soon_as_its_post_is_answered(service: Client) -> None:
    """No waiting, no X-Couple-After, on the replica that answered."""
    for number in range(20):
        await service.items({"item_id": f"n{number}", "tags": ["wok"]})
        assert f"n{number}" in await service.found()


async def test_the_largest_call_holds_up_nobody(service: Client) -> None:
    """Recommendations are answered all the while, however much there is to read in each item."""
    title = "a dog and a cat at the night market " * 8
    many = [{"item_id": f"i{n}", "title": title} for n in range(1000)]
    post = asyncio.create_task(service.items(*many))
    answered = 0
    while not post.done():
        await service.recommend(k=1, history=[{"tags": ["wok"]}], exclude_seen=False)
        answered += 1
    assert len((await post)["results"]) == 1000
    assert answered > 20


async def test_without_tags_they_are_found_in_the_title(service: Client) -> None:
    """The longest known phrase, in reading order."""
    answer = await service.items({"title": "Night market: CATS and a wok"})
    assert answer["results"][0]["known_tags"] == ["night market", "cats", "wok"]
    assert await service.found(history=[{"tags": ["cats"]}]) == ["v0"]


async def test_given_tags_win_over_the_title(service: Client) -> None:
    """A title is not looked at when there are tags, known or not."""
    answer = await service.items({"tags": ["zither"], "title": "cats"})
    assert answer["results"][0]["known_tags"] == []
    assert answer["results"][0]["retrievable"] is False


async def test_an_item_without_a_known_tag_is_kept(service: Client) -> None:
    """It cannot be recommended by the model, and is not dropped: it is new, like any other."""
    await service.items({"tags": ["zither"]})
    item = ok(await service.get("/items/v0"))
    assert item["tags"] == ["zither"]
    assert list(item["retrievable"].values()) == [False]
    (candidate,) = (await service.recommend())["candidates"]
    assert (candidate["item_id"], candidate["channel"]) == ("v0", "fresh")


async def test_only_target_domains_are_recommended(service: Client) -> None:
    """The domain defaults to the bundle's first; another one serves histories only."""
    answer = await service.items(
        {"tags": ["wok"]}, {"tags": ["wok"], "domain": "live"}, {"tags": ["wok"], "domain": "shop"}
    )
    assert [result["retrievable"] for result in answer["results"]] == [True, True, False]
    assert sorted(await service.found()) == ["v0", "v1"]
    assert ok(await service.get("/items/v0"))["domain"] == "micro-video"


async def test_get_gives_back_every_fact(service: Client) -> None:
    """Times in UTC; `retrievable` by model version."""
    facts = {
        "item_id": "a/b ü",
        "tags": ["wok"],
        "title": "A wok\nand more",
        "domain": "live",
        "author_id": "a9",
        "published_at": "2026-01-02T03:04:05.5+02:00",
        "expires_at": "9999-12-31T23:59:59Z",
        "attributes": {"language": ["en", "ja"], "region": "tw"},
        "version": -(2**63),
    }
    await service.items(facts)
    got = ok(await service.get("/items/a/b ü"))
    assert got.pop("request_id")
    assert list(got.pop("retrievable").values()) == [True]
    assert got == {**facts, "published_at": "2026-01-02T01:04:05.500Z"}


async def test_get_of_what_is_not_there(service: Client) -> None:
    """Never known, deleted and expired are all 404."""
    await service.items(
        {"item_id": "deleted", "tags": ["wok"]},
        {"item_id": "expired", "tags": ["wok"], "expires_at": "2020-01-01T00:00:00Z"},
    )
    await service.delete("/items/deleted")
    for item_id in ("unknown", "deleted", "expired"):
        problem = refused(await service.get(f"/items/{item_id}"), 404)
        assert problem["detail"] == "the catalogue holds no such item"


async def test_delete_ends_recommendation_at_once(service: Client) -> None:
    """deleted, then absent; the sequence moves only with the deletion."""
    posted = await service.items({"tags": ["wok"]})
    deleted = ok(await service.delete("/items/v0"))
    assert deleted["status"] == "deleted"
    assert deleted["sequence"] != posted["sequence"]
    assert await service.found() == []
    again = ok(await service.delete("/items/v0"))
    assert (again["status"], again["sequence"]) == ("absent", deleted["sequence"])


async def test_a_change_that_makes_an_item_irretrievable_ends_its_retrieval(
    service: Client,
) -> None:
    """Tags that are all unknown, or a domain that is no target."""
    await service.items({"tags": ["wok"]}, {"tags": ["wok"]})
    await service.items({"tags": ["zither"]}, {"tags": ["wok"], "domain": "shop"})
    assert await service.modelled() == []
    assert await service.found() == ["v0"]
    await service.items({"tags": ["cats"]}, {"tags": ["wok"], "domain": "live"})
    assert sorted(await service.modelled()) == ["v0", "v1"]


def clock(service: Client) -> Any:
    return service.app.state.parts.clock


async def wait_for(service: Client, moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - clock(service).now()) + 0.0005)


async def test_expiry_holds_to_the_millisecond(service: Client) -> None:
    """In the answers before the moment, in none after it, without a sweep."""
    moment = round(clock(service).now() + 0.4, 3)
    await service.items({"tags": ["wok"], "expires_at": format_time(moment)})
    found = ["v0"]
    while clock(service).now() < moment:
        assert found == ["v0"]
        found = await service.found()  # judged if the answer came before the moment too
    await wait_for(service, moment)
    assert await service.found() == []
    refused(await service.get("/items/v0"), 404)


async def test_publication_holds_to_the_millisecond(service: Client) -> None:
    """Kept, not recommended, until its time has come."""
    moment = round(clock(service).now() + 0.4, 3)
    answer = await service.items({"tags": ["wok"], "published_at": format_time(moment)})
    assert answer["results"][0]["retrievable"] is True
    found: list[str] = []
    while clock(service).now() < moment:
        assert found == []
        found = await service.found()  # judged if the answer came before the moment too
    ok(await service.get("/items/v0"))
    await wait_for(service, moment)
    assert await service.found() == ["v0"]
