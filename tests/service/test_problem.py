"""Every error is problem+json with a request id, echoes nothing, and is never a 500."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.service.conftest import Configure
from tests.service.running import Client, ok, refused, running

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
POSTS = ["/items", "/events", "/recommend", "/recommend/batch", "/similar"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"user_id": "\xff"}',
        b'{"user_id": "\\ud800"}',
        b'{"user_id": "\\ud800\\u0041"}',
        b'\xef\xbb\xbf{"user_id": "u"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"'single'",
        b"{} {}",
        b"NULL",
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_what_is_not_json_is_400(service: Client, path: str, body: bytes) -> None:
    problem = refused(await service.post(path, content=body, headers=JSON), 400)
    assert problem["detail"].startswith("the body is not JSON in UTF-8")
    assert problem["errors"] == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [b"null", b"[]", b"3", b'"text"', b"NaN", b"{}", b"-Infinity"])
async def test_json_of_another_shape_is_422(service: Client, path: str, body: bytes) -> None:
    problem = refused(await service.post(path, content=body, headers=JSON), 422)
    assert problem["detail"] == "the request breaks the contract: see `errors`"
    assert problem["errors"]


WRONG = {
    "/items": '{"items": [{"item_id": @, "tags": [@], "version": [@], "expires_at": @}]}',
    "/events": '{"events": [{"item_id": @, "user_id": @, "type": @, "timestamp": [@]}]}',
    "/recommend": '{"user_id": @, "k": [@]}',
    "/recommend/batch": '{"requests": [{"user_id": @, "k": [@]}]}',
    "/similar": '{"item_id": @, "tags": [@], "k": [@]}',
}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "-0", "[]", "{}", "null", "true"])
@pytest.mark.parametrize("path", POSTS)
async def test_a_value_of_another_type_is_422(service: Client, path: str, value: str) -> None:
    """NaN and infinity included."""
    body = WRONG[path].replace("@", value)
    refused(await service.post(path, content=body, headers=JSON), 422)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "x"])
async def test_another_media_type_is_415(service: Client, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    problem = refused(await service.post("/items", content=b"{}", headers=headers), 415)
    assert problem["detail"] == "the body must be JSON: send Content-Type: application/json"


async def test_a_compressed_body_is_415(service: Client) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    problem = refused(await service.post("/items", content=b"x", headers=headers), 415)
    assert "without Content-Encoding" in problem["detail"]


async def test_json_may_name_its_charset_and_needs_no_media_type(service: Client) -> None:
    for headers in ({"Content-Type": "Application/JSON; charset=utf-8"}, {}):
        response = await service.post("/recommend", content=b'{"user_id":"u"}', headers=headers)
        assert response.status_code == 200


async def chunks(count: int, size: int = 2**20, pause_s: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(pause_s)
        yield b" " * size


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_of_50_mb_is_413(service: Client, announced: bool) -> None:
    """Whether it says how long it is or not."""
    content: Any = b" " * (50 * 2**20) if announced else chunks(50)
    problem = refused(await service.post("/items", content=content, headers=JSON), 413)
    assert problem["detail"] == "the body is larger than 16777216 bytes: send less in one call"


@pytest.mark.parametrize("path", ["/recommend", "/similar"])
async def test_what_is_asked_one_by_one_is_smaller(service: Client, path: str) -> None:
    """The longest request that the contract allows to name others passes; 3 MB do not."""
    ids = [f"{n:0128}" for n in range(10_000)]
    whom = {"user_id": "u"} if path == "/recommend" else {"tags": ["wok"]}
    response = await service.post(path, json={**whom, "exclude_item_ids": ids})
    assert response.status_code == 200
    problem = refused(await service.post(path, content=chunks(3), headers=JSON), 413)
    assert problem["detail"] == "the body is larger than 2097152 bytes: send less in one call"
    for other in ("/items", "/recommend/batch"):
        refused(await service.post(other, content=chunks(3), headers=JSON), 400)


async def test_a_body_that_dawdles_is_408(configure: Configure) -> None:
    async with running(configure(body_timeout_ms=50)) as service:
        slow = chunks(20, size=1, pause_s=0.02)
        problem = refused(await service.post("/items", content=slow, headers=JSON), 408)
        assert problem["detail"] == "the body did not arrive within 0.05 s"


@pytest.mark.parametrize("path", ["/", "/nothing", "/items/", "/users", "/recommend/"])
async def test_an_unknown_path_is_404(service: Client, path: str) -> None:
    refused(await service.get(path), 404 if path != "/items/" else 422)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/items"), ("PUT", "/items/v1"), ("GET", "/recommend"), ("POST", "/livez")],
)
async def test_an_unknown_method_is_405(service: Client, method: str, path: str) -> None:
    response = await service.request(method, path)
    refused(response, 405)
    assert response.headers["allow"]


async def test_nothing_that_was_sent_comes_back(service: Client) -> None:
    """Not values, not keys of the caller's own, in whatever is wrong with them."""
    secret = "s3cr3t"
    bodies: list[Any] = [
        {"items": [{"item_id": secret * 100, "tags": [secret * 20], secret: secret}]},
        {"items": [{"item_id": "v", "tags": ["t"], "attributes": {secret: {secret: secret}}}]},
        {"items": [{"item_id": "v", "tags": ["t"], "version": secret, "expires_at": secret}]},
        {"items": {secret: secret}},
        {secret: secret},
        secret,
    ]
    for body in bodies:
        response = await service.post("/items", json=body)
        assert secret not in response.text
        refused(response, 422)


async def test_a_million_mistakes_are_counted_not_listed(service: Client) -> None:
    """Listing them would stop the process for seconds."""
    fields = ",".join(f'"f{n}":1' for n in range(100_001))
    answer = await service.post("/recommend", content=f'{{"user_id":"u",{fields}}}')
    problem = refused(answer, 422)
    assert "in 100001 places" in problem["detail"]
    assert len(problem["errors"]) == 1


async def test_a_million_filters_are_refused_before_they_are_checked(service: Client) -> None:
    """One mistake, not one for each of them."""
    filters = {f"f{n}": n for n in range(1000)}
    answer = await service.post("/recommend", json={"user_id": "u", "filters": filters})
    (place,) = refused(answer, 422)["errors"]
    assert place["place"] == "filters"
    assert place["detail"].startswith("Dictionary should have at most 16 items")


async def test_the_log_tells_nothing_of_people(
    service: Client, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """redis-py quotes the command that failed, and with it whose history it is about."""
    redis.set("couple:hist:{ada}", "another hand's")
    event = {"user_id": "ada", "item_id": "p", "type": "click", "tags": ["cats"]}
    refused(await service.post("/events", json={"events": [event]}), 503)
    assert (await service.recommend("ada"))["degraded"] == ["redis_unavailable", "short"]
    assert "WRONGTYPE" in caplog.text
    assert "ada" not in caplog.text


async def test_a_request_id_is_kept_when_it_is_harmless(service: Client) -> None:
    """On answers and on problems; anything else is replaced by one of ours."""
    for path in ("/livez", "/nothing"):
        response = await service.get(path, headers={"X-Request-Id": "abc-1.2_3:4"})
        assert response.headers["x-request-id"] == "abc-1.2_3:4"
        assert response.json()["request_id"] == "abc-1.2_3:4"
        for bad in ("x" * 129, "a b", "a\tb"):
            response = await service.get(path, headers={"X-Request-Id": bad})
            assert response.headers["x-request-id"] not in ("", bad)


async def test_a_bug_is_a_500_that_tells_nothing(
    service: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trace, no message of the exception; the request id finds it in the log."""

    class Broken:
        async def recommend(self, ask: object) -> None:
            raise ZeroDivisionError("secret")

    parts = service.app.state.parts
    object.__setattr__(parts, "recommender", Broken())
    response = await service.post("/recommend", json={"user_id": "u"})
    assert refused(response, 500)["detail"] == (
        "this is a bug of the service: report the request id"
    )
    assert "secret" not in response.text


def garbage(seed: random.Random, depth: int = 3) -> Any:
    """Any JSON at all, with the names the service knows among its own."""
    atoms: list[Any] = [
        None,
        True,
        0,
        -1,
        2**63,
        2**200,
        1.5,
        "",
        "v",
        "\x00",
        "\U0001f600",
        "9" * 99,
    ]
    names = [
        "items",
        "events",
        "user_id",
        "item_id",
        "tags",
        "title",
        "k",
        "history",
        "type",
        "requests",
        "x",
    ]
    kind = seed.randrange(4 if depth else 1)
    if kind == 1:
        return [garbage(seed, depth - 1) for _ in range(seed.randrange(3))]
    if kind >= 2:
        return {seed.choice(names): garbage(seed, depth - 1) for _ in range(seed.randrange(5))}
    return seed.choice(atoms)


def mangled(seed: random.Random) -> bytes:
    """A good body with a few bytes changed, lost or doubled."""
    body = bytearray(
        b'{"items":[{"item_id":"v1","tags":["wok","\xc3\xa9"],"version":7,"attributes":{"a":["b"]},'
        b'"expires_at":"2026-11-23T10:00:00Z"}]}'
    )
    for _ in range(seed.randrange(1, 5)):
        at = seed.randrange(len(body))
        body[at : at + seed.randrange(3)] = seed.randbytes(seed.randrange(3))
    return bytes(body)


async def test_garbage_never_is_our_fault(service: Client) -> None:
    """3,000 bodies, made up and mangled, on every path that reads one: 2xx or 4xx."""
    seed = random.Random(20)
    responses: list[httpx.Response] = []
    for number in range(3000):
        path = POSTS[number % len(POSTS)]
        if number % 2:
            responses.append(await service.post(path, content=mangled(seed), headers=JSON))
        else:
            responses.append(await service.post(path, json=garbage(seed)))
    statuses = {response.status_code for response in responses}
    assert {200, 400, 422} <= statuses <= {200, 400, 404, 422}
    ok(await service.get("/livez"))
