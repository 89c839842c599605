"""Every limit of the contract: one step inside is a 200, one step outside a 4xx with its place."""

from typing import Any

import pytest

from tests.service.running import Client, refused

pytestmark = pytest.mark.anyio

ITEM: dict[str, Any] = {"item_id": "v1", "tags": ["wok"]}
EVENT: dict[str, Any] = {"user_id": "u1", "item_id": "v1", "type": "click", "tags": ["wok"]}
TIME = "Input should be an RFC 3339 time with its offset, like 2026-11-23T10:00:00Z"
CONTROL = "String should have no control characters"

GOOD_ITEMS: list[dict[str, Any]] = [
    {"item_id": "x" * 128},
    {"item_id": "é" * 128},
    {"item_id": "a/b?c#d%20 "},
    {"author_id": "a" * 128},
    {"tags": ["t" * 64] * 64},
    {"tags": [], "title": "no tag in here"},
    {"title": "t" * 1000},
    {"attributes": {f"k{n}": "v" for n in range(16)}},
    {"attributes": {"language": ["en", "ja"]}},
    {"published_at": None, "expires_at": None, "version": None, "title": None},
    {"expires_at": "2026-11-23t10:00:00.123456789+14:00"},
    {"published_at": "0001-01-01T12:00:00Z"},
    {"expires_at": "9999-12-31T23:59:59.999999Z"},
    {"version": 2**63 - 1},
    {"version": 0},
]
BAD_ITEMS: list[tuple[dict[str, Any], str, str]] = [
    ({"item_id": ""}, "item_id", "String should have at least 1 character"),
    ({"item_id": "x" * 129}, "item_id", "String should have at most 128 characters"),
    ({"item_id": "a\nb"}, "item_id", CONTROL),
    ({"item_id": "a\u0085b"}, "item_id", CONTROL),
    ({"item_id": 7}, "item_id", "Input should be a valid string"),
    ({"item_id": None}, "item_id", "Input should be a valid string"),
    ({"author_id": "x" * 129}, "author_id", "String should have at most 128 characters"),
    ({"author_id": "\x7f"}, "author_id", CONTROL),
    ({"tags": ["t"] * 65}, "tags", "List should have at most 64 items after validation, not 65"),
    ({"tags": ["ok", "t" * 65]}, "tags[1]", "String should have at most 64 characters"),
    ({"tags": [""]}, "tags[0]", "String should have at least 1 character"),
    ({"tags": ["a\x00b"]}, "tags[0]", CONTROL),
    ({"tags": [3]}, "tags[0]", "Input should be a valid string"),
    ({"tags": "wok"}, "tags", "Input should be a valid array"),
    ({"tags": None}, "tags", "Input should be a valid array"),
    ({"tags": ["\u2003"]}, "", "A tag should have a character that is not a blank"),
    ({"tags": []}, "", "Give tags, or a title that tags can be found in"),
    ({"tags": [], "title": ""}, "", "Give tags, or a title that tags can be found in"),
    ({"title": "t" * 1001}, "title", "String should have at most 1000 characters"),
    ({"title": "a\x1bb"}, "title", CONTROL),
    ({"domain": ""}, "domain", "String should have at least 1 character"),
    (
        {"attributes": {f"k{n}": "v" for n in range(17)}},
        "attributes",
        "Dictionary should have at most 16 items after validation, not more",
    ),
    ({"attributes": {"secret": 1}}, "attributes", "Input should be a valid string"),
    ({"attributes": [1]}, "attributes", "Input should be an object"),
    ({"published_at": "2026-11-23"}, "published_at", TIME),
    ({"published_at": "2026-11-23T10:00:00"}, "published_at", TIME),
    ({"published_at": 1763892000}, "published_at", TIME),
    ({"expires_at": "2026-02-30T10:00:00Z"}, "expires_at", TIME),
    ({"expires_at": "2026-01-01T25:00:00Z"}, "expires_at", TIME),
    ({"expires_at": "0001-01-01T00:00:00+10:00"}, "expires_at", TIME),
    ({"version": 2**63}, "version", "Input should be less than 9223372036854775808"),
    (
        {"version": -(2**63) - 1},
        "version",
        "Input should be greater than or equal to -9223372036854775808",
    ),
    ({"version": 10**40}, "version", "Input should be less than 9223372036854775808"),
    ({"version": "7"}, "version", "Input should be a valid integer"),
    ({"version": 7.0}, "version", "Input should be a valid integer"),
    ({"version": True}, "version", "Input should be a valid integer"),
    ({"secret": 1}, "", "A field that does not exist here: see /docs for those that do"),
    (
        {"authorID": "a"},
        "",
        "A field that does not exist here: see /docs for those that do (did you mean author_id?)",
    ),
]
BAD_EVENTS: list[tuple[dict[str, Any], str, str]] = [
    ({"user_id": "u" * 129}, "user_id", "String should have at most 128 characters"),
    ({"event_id": ""}, "event_id", "String should have at least 1 character"),
    (
        {"type": "watch"},
        "type",
        "Input should be 'impression', 'click', 'like', 'finish', 'purchase' or 'skip'",
    ),
    ({"tags": [1]}, "tags[0]", "Input should be a valid string"),
    ({"timestamp": "yesterday"}, "timestamp", TIME),
    ({"item_id": "\x00"}, "item_id", CONTROL),
    ({"price": 1}, "", "A field that does not exist here: see /docs for those that do"),
]
BAD_ASKS: list[tuple[dict[str, Any], str, str]] = [
    ({"k": 0}, "k", "Input should be greater than or equal to 1"),
    ({"k": 501}, "k", "Input should be less than or equal to 500"),
    ({"k": "5"}, "k", "Input should be a valid integer"),
    ({"k": None}, "k", "Input should be a valid integer"),
    ({"user_id": ""}, "user_id", "String should have at least 1 character"),
    ({"exclude_seen": 1}, "exclude_seen", "Input should be a valid boolean"),
    ({"exclude_item_ids": [""]}, "exclude_item_ids[0]", "String should have at least 1 character"),
    ({"filters": {"language": 3}}, "filters", "Input should be a valid string"),
    ({"history": [{"tags": [1]}]}, "history[0].tags[0]", "Input should be a valid string"),
    ({"explain": "yes"}, "explain", "Input should be a valid boolean"),
]


def place(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if name else prefix


@pytest.mark.parametrize("item", GOOD_ITEMS, ids=lambda item: repr(item)[:40])
async def test_an_item_at_the_limit_is_taken(service: Client, item: dict[str, Any]) -> None:
    await service.items({**ITEM, **item})


@pytest.mark.parametrize(("item", "name", "detail"), BAD_ITEMS, ids=lambda one: repr(one)[:40])
async def test_an_item_past_the_limit_is_named_by_position_and_nothing_is_written(
    service: Client, item: dict[str, Any], name: str, detail: str
) -> None:
    body = {"items": [{"item_id": "good", "tags": ["wok"]}, {**ITEM, **item}]}
    problem = refused(await service.post("/items", json=body), 422)
    assert {"place": place("items[1]", name), "detail": detail} in problem["errors"]
    assert "secret" not in str(problem)
    refused(await service.get("/items/good"), 404)


@pytest.mark.parametrize(("event", "name", "detail"), BAD_EVENTS, ids=lambda one: repr(one)[:40])
async def test_an_event_past_the_limit_is_named_by_position_and_nothing_is_written(
    service: Client, event: dict[str, Any], name: str, detail: str
) -> None:
    problem = refused(
        await service.post("/events", json={"events": [EVENT, {**EVENT, **event}]}), 422
    )
    assert problem["errors"] == [{"place": place("events[1]", name), "detail": detail}]
    assert await service.history() == []


@pytest.mark.parametrize(("ask", "name", "detail"), BAD_ASKS, ids=lambda one: repr(one)[:40])
async def test_a_question_past_the_limit_is_named(
    service: Client, ask: dict[str, Any], name: str, detail: str
) -> None:
    problem = refused(await service.post("/recommend", json={"user_id": "u1", **ask}), 422)
    assert {"place": name, "detail": detail} in problem["errors"]


@pytest.mark.parametrize(
    ("path", "name", "one"), [("/items", "items", ITEM), ("/events", "events", EVENT)]
)
async def test_a_call_holds_1_to_1000(
    service: Client, path: str, name: str, one: dict[str, Any]
) -> None:
    """A thousand pass; none and a thousand and one do not; each is told why."""

    def many(count: int) -> dict[str, Any]:
        return {name: [{**one, "item_id": f"i{n}"} for n in range(count)]}

    assert (await service.post(path, json=many(1000))).status_code == 200
    few = refused(await service.post(path, json=many(0)), 422)
    assert few["errors"] == [
        {"place": name, "detail": "List should have at least 1 item after validation, not 0"}
    ]
    much = refused(await service.post(path, json=many(1001)), 422)
    assert much["errors"][0]["place"] == name
    assert "at most 1000 items" in much["errors"][0]["detail"]


async def test_an_id_stands_once_in_a_call(service: Client) -> None:
    """The repeat is named, and the first it repeats."""
    problem = refused(await service.post("/items", json={"items": [ITEM, ITEM]}), 422)
    assert problem["errors"] == [
        {"place": "items[1].item_id", "detail": "The same id as items[0]: send each once"}
    ]
    refused(await service.get("/items/v1"), 404)


async def test_every_bad_item_is_named(service: Client) -> None:
    """Not only the first."""
    bad = {"item_id": "", "tags": ["wok"]}
    body = {"items": [bad, ITEM, {"tags": ["x" * 65]}]}
    problem = refused(await service.post("/items", json=body), 422)
    assert [error["place"] for error in problem["errors"]] == [
        "items[0].item_id",
        "items[2].item_id",
        "items[2].tags[0]",
    ]


@pytest.mark.parametrize(
    ("path", "name", "one"), [("/items", "items", ITEM), ("/events", "events", EVENT)]
)
@pytest.mark.parametrize("beside", [{}, {"odd": 1}])
async def test_a_large_call_is_judged_as_a_whole(
    service: Client,
    redis: Any,
    path: str,
    name: str,
    one: dict[str, Any],
    beside: dict[str, int],
) -> None:
    """Every bad entry by its position in the call, what is wrong beside them once, nothing kept."""
    entries = [{**one, "item_id": f"i{n}", "title": "t" * 300} for n in range(1000)]
    for n in (0, 19, 20, 999):
        entries[n]["item_id"] = ""
    problem = refused(await service.post(path, json={**beside, name: entries}), 422)
    places = [error["place"] for error in problem["errors"]]
    bad = [f"{name}[{n}].item_id" for n in (0, 19, 20, 999)]
    assert sorted(places) == sorted([*bad, *(["body"] if beside else [])])
    assert redis.exists("couple:{items}:ids", "couple:events") == 0


async def test_a_large_call_that_is_no_json_or_has_nothing_in_it(service: Client) -> None:
    """As a small one: 400, and 422 where the list is empty, missing or no list."""
    much = "x" * 70_000
    good = f'{{"item_id": "v", "title": "{much[:900]}"}}'
    bad = f'{{"items": [{good}{f", {good}" * 99}, "\\ud800"]}}'  # half of a character
    detail = refused(await service.post("/items", content=bad), 400)["detail"]
    assert detail.endswith(f"line 1 column {bad.index('ud800') + 6}")
    refused(await service.post("/items", content=f'{{"items": [], "{much}": '), 400)
    for items in ("[]", "{}", "NaN", "[NaN]"):
        content = f'{{"items": {items}, "odd": "{much}"}}'
        places = refused(await service.post("/items", content=content), 422)["errors"]
        assert {place["place"][:5] for place in places} == {"items", "body"}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("path", ["/items/{}", "/users/{}"])
async def test_ids_in_paths_have_the_same_limits(service: Client, method: str, path: str) -> None:
    """128 characters, no control characters."""
    path = f"{path}/history" if (method, path) == ("GET", "/users/{}") else path
    for bad in ("x" * 129, "a%00b", "a%0Ab", "a%C2%85b"):
        refused(await service.request(method, path.format(bad)), 422)
    assert (await service.request(method, path.format("x" * 128))).status_code in {200, 404}


@pytest.mark.parametrize("version", ["x", "1.5", "9223372036854775808", ""])
async def test_the_version_of_a_deletion_is_an_int64(service: Client, version: str) -> None:
    problem = refused(await service.delete(f"/items/v1?version={version}"), 422)
    assert problem["errors"][0]["place"] == "version"
