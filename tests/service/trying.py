"""A service with two models to try against each other, in tests."""

from pathlib import Path
from typing import Any

import httpx

from bundle import manifest
from service import store
from service.control import Control
from service.experiments import Experiments
from tests.service.defining import facts
from tests.service.rotating import rotated
from tests.service.running import Client, ok, until

ITEMS = [{"item_id": f"v{n}", "domain": "video", "tags": ["noodles"]} for n in range(8)]


def bundles(folder: Path) -> dict[str, str]:
    """Bundles of two models, `couple` and `youtube`, side by side; name → version."""
    return {name: named(folder / name, seed) for seed, name in enumerate(("couple", "youtube"))}


def named(folder: Path, seed: int) -> str:
    """Write a rotation of the golden bundle as a model of the folder's name; its version."""
    path = rotated(folder, seed) / manifest.NAME
    made = manifest.decode(path.read_bytes()).model_copy(update={"model": folder.name})
    path.write_bytes(manifest.encode(made))
    return made.version


async def put(client: Client, **given: Any) -> httpx.Response:
    """PUT the paper's own test, changed as told."""
    body = facts(**given)
    return await client.put(f"/experiments/{body['name']}", json=body)


async def defined(client: Client, **given: Any) -> Any:
    """The same, which must succeed; what the service has then."""
    return ok(await put(client, **given))["experiment"]


async def running_names(client: Client) -> list[str]:
    """Names of the experiments that a process knows to run."""
    listed = ok(await client.get("/experiments"))["experiments"]
    return [one["name"] for one in listed]


async def forget(client: Client) -> None:
    """Let there be no experiments, not even ended ones, whatever the rules are."""
    parts = client.app.state.parts
    async with store.connect(parts.settings) as redis:
        await Control(redis).change(
            "forget experiments",
            lambda plan: plan.model_copy(update={"experiments": Experiments()}),
        )

    async def forgotten() -> bool:
        return bool(parts.generations.experiments == Experiments())

    await until(forgotten)
