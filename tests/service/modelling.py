"""What an operator does with models, in tests."""

from collections.abc import Sequence
from typing import Any

from tests.service.running import Client, ok, until


async def models(client: Client) -> Any:
    """GET /models: version → what is said of it."""
    return {model["version"]: model for model in ok(await client.get("/models"))["models"]}


async def state(client: Client, version: str) -> str | None:
    """How a model stands; None where there is none of this version."""
    found = (await models(client)).get(version)
    return found["state"] if found else None


async def until_state(client: Client, version: str, *states: str | None) -> None:
    async def holds() -> bool:
        return await state(client, version) in states

    await until(holds, 60)


async def load(client: Client, path: str, also: Sequence[Client] = ()) -> str:
    """POST /models, and wait until its model is ready, there and elsewhere; its version."""
    response = await client.post("/models", json={"path": path})
    assert response.status_code == 202, response.text
    version: str = response.json()["version"]
    for each in (client, *also):
        await until_state(each, version, "ready")
    return version
