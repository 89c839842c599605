"""A new model goes live in all workers of a real service, and in those that come later."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.e2e.running import Service, serving

VIDEO = {"item_id": "v1", "domain": "video", "tags": ["noodles"]}
HISTORY = [{"tags": ["wok", "noodles"]}]
PATIENCE_S = 120.0


def answering(service: Service) -> set[str]:
    """Versions that twenty answers name; each may be another worker's."""
    asked = {"user_id": "u", "k": 1, "history": HISTORY}
    answers = [service.post("/recommend", asked).json() for _ in range(20)]
    assert all([one["item_id"] for one in answer["candidates"]] == ["v1"] for answer in answers)
    return {answer["model"]["version"] for answer in answers}


def until_answering(service: Service, version: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while answering(service) != {version}:
        assert time.monotonic() < deadline, service.get("/models").text
        time.sleep(0.05)


def activated(service: Service, version: str) -> Any:
    """Ask until the worker that happens to answer has the model."""
    deadline = time.monotonic() + PATIENCE_S
    while (response := service.post(f"/models/{version}/activate", None)).status_code == 409:
        assert time.monotonic() < deadline, response.text
        time.sleep(0.05)
    assert response.status_code == 200, response.text
    return response.json()


def test_all_workers_swap_and_a_new_one_starts_with_what_answers(tmp_path: Path) -> None:
    """One is killed after the swap: who replaces it comes up with the model that was activated."""
    with serving(tmp_path / "store", workers=2) as service:
        service.post("/items", {"items": [VIDEO]})
        (first,) = answering(service)
        loaded = service.post("/models", {"path": "bundle_items"})
        assert loaded.status_code == 202, loaded.text
        second = loaded.json()["version"]
        assert activated(service, second)["active"] == second
        until_answering(service, second)
        os.kill(int(service.get("/livez").json()["pid"]), signal.SIGKILL)
        for _ in range(5):
            until_answering(service, second)
        assert service.post("/models/rollback", None).status_code == 200
        until_answering(service, first)
