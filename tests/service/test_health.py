"""/livez and /readyz: what an orchestrator may rely on."""

import asyncio
import os

import pytest

from tests.service.running import Client, ok

pytestmark = pytest.mark.anyio


async def test_a_ready_replica_says_where_it_stands(service: Client) -> None:
    """Its sequence, how many items it can recommend, and whether Redis is there."""
    sequence = (await service.items({"tags": ["wok"]}, {"tags": ["zither"]}))["sequence"]
    ready = ok(await service.get("/readyz"))
    assert ready.pop("request_id")
    assert ready == {"status": "ready", "sequence": sequence, "items": 1, "redis": "connected"}


async def test_a_live_process_names_itself(service: Client) -> None:
    live = ok(await service.get("/livez"))
    assert (live["status"], live["pid"]) == ("alive", os.getpid())


@pytest.mark.parametrize("which", [0, 1])
async def test_a_background_task_that_ended_asks_for_a_restart(service: Client, which: int) -> None:
    """The tail or the sweeper: 503, so that the orchestrator replaces the process."""
    task = service.app.state.parts.background[which]
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
    response = await service.get("/livez")
    assert response.status_code == 503
    assert response.json()["status"] == "broken"
