"""Milvus hangs or dies: answers go on and say so, and what was posted is there when it is back."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.service.milvus import lite
from tests.service.process import free_port, serving

ITEM = {"item_id": "late", "tags": ["wok"]}
ASKED = {"user_id": "u", "k": 1, "history": [{"tags": ["wok"]}]}
HASTY = {"COUPLE_MILVUS_TIMEOUT_MS": "500", "COUPLE_APPLY_TIMEOUT_MS": "100"}


def away(client: httpx.Client) -> None:
    """A write is taken all the same, an answer comes and says what it lacks."""
    posted = client.post("/items", json={"items": [ITEM]})
    assert (posted.status_code, posted.json()["applied"]) == (200, False)
    answer = client.post("/recommend", json=ASKED)
    assert answer.status_code == 200
    assert "stale_index" in answer.json()["degraded"]


def sound(client: httpx.Client) -> Callable[[], bool]:
    def holds() -> bool:
        found = client.post("/recommend", json=ASKED).json()
        ids = [(one["item_id"], one["channel"]) for one in found["candidates"]]
        return ids == [("late", "model")] and "stale_index" not in found["degraded"]

    return holds


def test_a_milvus_that_hangs_degrades_answers_and_loses_no_write(
    redis: Any, variables: dict[str, str], tmp_path: Path
) -> None:
    with lite.shared(tmp_path / "milvus") as (uri, milvus):
        given = {**variables, **lite.variables(uri, tmp_path / "state"), **HASTY}
        with serving(1, **given) as service, httpx.Client(base_url=service.url) as client:
            milvus.send_signal(signal.SIGSTOP)
            away(client)
            milvus.send_signal(signal.SIGCONT)
            service.until(sound(client), 60)


def test_a_milvus_that_dies_degrades_answers_and_loses_no_write(
    redis: Any, variables: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    with lite.shared(tmp_path / "milvus", port) as (uri, milvus):
        given = {**variables, **lite.variables(uri, tmp_path / "state"), **HASTY}
        with serving(1, **given) as service, httpx.Client(base_url=service.url) as client:
            milvus.kill()
            milvus.wait()
            away(client)
            with lite.shared(tmp_path / "milvus", port):
                service.until(sound(client), 60)
