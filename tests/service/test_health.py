"""/livez and /readyz: what an orchestrator may rely on."""

import os

import pytest

from service import background
from service.plan import Named, Plan
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


@pytest.mark.parametrize("which", [0, 1, -1])
async def test_a_background_task_that_ended_asks_for_a_restart(service: Client, which: int) -> None:
    """The tail, the rollout, the figures: 503, so that the orchestrator replaces the process."""
    await background.cancel(service.app.state.parts.background[which])
    response = await service.get("/livez")
    assert response.status_code == 503
    assert response.json()["status"] == "broken"


async def test_a_model_whose_way_ended_halfway_asks_for_a_restart(service: Client) -> None:
    """One that cannot come up is tried again; where nobody does, it is on its way for ever."""
    generations = service.app.state.parts.generations
    generations.pursue(Plan().load("0" * 64, Named(name="lost", path="nowhere")))
    (task,) = generations.tasks
    assert (await service.get("/livez")).status_code == 200
    await background.cancel(task)
    assert (await service.get("/livez")).status_code == 503
