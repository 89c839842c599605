"""Load another model into a running service and let it take over, as its operator would."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from loadtest.address import Address, Caller
from loadtest.errors import ServiceRefused

POLL_S = 0.2
PATIENCE_S = 300.0  # for the index of a large catalogue
SHOWN = 12  # characters of a version

Mark = Callable[[str], None]


async def swap(address: Address, path: str, mark: Mark) -> None:
    """Post the bundle at `path` (relative to COUPLE_BUNDLES), wait until it is built, activate it.

    Raises:
        ServiceRefused: the service does not load or activate it.
    """
    async with address.caller() as caller:
        version = await load(caller, path, mark)
        await caller.json("POST", f"/models/{version}/activate")
        mark(f"model {version[:SHOWN]} answers")


async def load(caller: Caller, path: str, mark: Mark) -> str:
    """Post the bundle at `path` and wait until it is built; its version.

    Raises:
        ServiceRefused: the service does not load it.
    """
    loaded = await caller.json("POST", "/models", {"path": path})
    version = str(loaded["version"])
    mark(f"model {version[:SHOWN]} is being built")
    await _built(caller, version)
    return version


async def _built(caller: Caller, version: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (state := await _state(caller, version)) == "loading":
        if time.monotonic() > deadline:
            raise ServiceRefused(
                f"model {version[:SHOWN]} is still being built after {PATIENCE_S:g} s: see the "
                "service's log"
            )
        await asyncio.sleep(POLL_S)
    if state == "failed":
        raise ServiceRefused(f"model {version[:SHOWN]} could not be built: see the service's log")


async def _state(caller: Caller, version: str) -> str:
    """As the worker that answers sees it; one that has not heard of the model will."""
    found: Any = await caller.json("GET", "/models")
    return next((str(m["state"]) for m in found["models"] if m["version"] == version), "loading")
