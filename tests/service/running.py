"""The service in this process, whole: real bundle, real Valkey, only the socket left out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from service.app import create_app
from service.application import Application
from service.settings import Settings


class Client(httpx.AsyncClient):
    """Calls one replica; `app` is the application behind it."""

    app: Application

    async def items(self, *items: dict[str, Any]) -> Any:
        """POST /items that must succeed; an item without an id is numbered."""
        named = [{"item_id": f"v{n}", **item} for n, item in enumerate(items)]
        return ok(await self.post("/items", json={"items": named}))

    async def events(self, *events: dict[str, Any]) -> Any:
        """POST /events that must succeed; clicks of u1 unless they say otherwise."""
        named = [{"user_id": "u1", "type": "click", **event} for event in events]
        return ok(await self.post("/events", json={"events": named}))

    async def recommend(self, user_id: str = "u1", after: str | None = None, **body: Any) -> Any:
        """POST /recommend that must succeed."""
        headers = {"X-Couple-After": after} if after else {}
        asked = {"user_id": user_id, **body}
        return ok(await self.post("/recommend", json=asked, headers=headers))

    async def found(self, **body: Any) -> list[str]:
        """Ids recommended."""
        return [c["item_id"] for c in (await self.recommend(**body))["candidates"]]

    async def modelled(self, **body: Any) -> list[str]:
        """Ids recommended by the model channel."""
        found = (await self.recommend(**body))["candidates"]
        return [c["item_id"] for c in found if c["channel"] == "model"]

    async def history(self, user_id: str = "u1") -> Any:
        return ok(await self.get(f"/users/{user_id}/history"))["history"]


def ok(response: httpx.Response) -> Any:
    """The JSON of a 200."""
    assert response.status_code == 200, response.text
    return response.json()


def refused(response: httpx.Response, status: int) -> Any:
    """The problem+json of a refusal, whose form is the same everywhere."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "request_id", "errors"}
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


@asynccontextmanager
async def running(settings: Settings, *, ready: bool = True) -> AsyncIterator[Client]:
    """One replica, started and (unless told otherwise) ready."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        Client(transport=transport, base_url="http://service") as client,
    ):
        client.app = app
        if ready:
            await until_ready(client)
        yield client


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Return as soon as it holds; fail when it does not within `seconds`."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110  # what is waited for lies in another process
            await asyncio.sleep(0.002)


async def until_ready(client: httpx.AsyncClient) -> None:
    async def ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await until(ready)
