"""The short way to /recommend is the long one without its detours: FastAPI would say the same."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.service.conftest import Configure
from tests.service.running import Client, running

pytestmark = pytest.mark.anyio

KEYS = tuple(
    {"name": scope, "sha256": hashlib.sha256(scope.encode()).hexdigest(), "scopes": [scope]}
    for scope in ("recommend", "ingest")
)
TOKENS = {
    "": 401,
    "Bearer": 401,
    "Bearer wrong": 401,
    "Basic recommend": 401,
    "Bearer ingest": 403,
    "Bearer recommend": 200,
}
JSON = {"Content-Type": "application/json"}
REQUESTS: list[dict[str, Any]] = [
    {"json": {"user_id": "u1", "k": 2}},
    {"json": {"user_id": "u1", "k": 2, "explain": True, "exclude_item_ids": ["v0"]}},
    {"json": {"user_id": "nobody", "history": [{"tags": ["cats"]}], "exclude_seen": False}},
    {"json": {"user_id": "u1", "k": 501}},
    {"json": {"user_id": "u1", "history": [{"tags": [""]}], "colour": 1}},
    {"json": {"user_id": "u\x07"}},
    {"content": b"", "headers": JSON},
    {"content": b"{", "headers": JSON},
    {"content": b'{"user_id": "\xff"}', "headers": JSON},
    {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
    {"content": b"x", "headers": {**JSON, "Content-Encoding": "gzip"}},
    {"content": b" " * 2**21, "headers": JSON},
    {"json": {"user_id": "u1"}, "headers": {"X-Couple-After": ""}},
    {"json": {"user_id": "u1"}, "headers": {"X-Couple-After": "x"}},
    {"json": {"user_id": "u1"}, "headers": {"X-Couple-After": f"{'0' * 16}.1-1"}},
    {"json": {"user_id": "u1", "k": 2}, "headers": {"X-Couple-Arm": "e=b"}},
    {"json": {"user_id": "u1"}, "headers": {"X-Couple-Arm": "e=c"}},
    {"method": "GET"},
    {"method": "HEAD"},
    {"method": "OPTIONS"},
    {"method": "PUT", "json": {"user_id": "u1"}},
    {"url": "/recommend/", "json": {"user_id": "u1"}},
    {"url": "/recommend?k=3", "json": {"user_id": "u1"}},
    {"url": "/Recommend", "json": {"user_id": "u1"}},
]


@pytest.fixture
async def ways(configure: Configure) -> AsyncIterator[tuple[Client, Client]]:
    """Two replicas of one store: one that serves the short way, one without it."""
    settings = configure(body_limit_bytes=2**20)
    async with running(settings) as short, running(settings) as long:
        long.app.short.clear()
        posted = await short.items({"tags": ["wok"]}, {"tags": ["cats"]}, {"tags": ["dogs"]})
        await short.events({"item_id": "p", "tags": ["cats"]})
        await long.recommend(after=posted["sequence"])
        yield short, long


async def told(client: Client, asked: dict[str, Any]) -> tuple[Any, ...]:
    """All of an answer that is not drawn anew each time."""
    named = {"X-Request-Id": "one", **asked.get("headers", {})}
    given = {"method": "POST", "url": "/recommend", **asked, "headers": named}
    response: httpx.Response = await client.request(**given)
    return response.status_code, dict(response.headers), response.text


async def test_both_ways_lead_to_the_same(ways: tuple[Client, Client]) -> None:
    """Status, headers and body, of answers and of refusals."""
    short, long = ways
    for asked in REQUESTS:
        assert await told(short, asked) == await told(long, asked), asked


async def test_both_ways_want_the_same_key(configure: Configure) -> None:
    """One that is configured, and has the scope."""
    settings = configure(keys=KEYS)
    async with running(settings) as short, running(settings) as long:
        long.app.short.clear()
        for token, status in TOKENS.items():
            asked = {"json": {"user_id": "u1"}, "headers": {"Authorization": token}}
            answers = [await told(client, asked) for client in (short, long)]
            assert answers[0] == answers[1]
            assert answers[0][0] == status


async def test_the_document_does_not_know_of_it(ways: tuple[Client, Client]) -> None:
    """/openapi.json is what FastAPI makes of the endpoint itself."""
    documents = [(await client.get("/openapi.json")).json() for client in ways]
    assert documents[0] == documents[1]
    assert documents[0]["paths"]["/recommend"]["post"]["parameters"]
