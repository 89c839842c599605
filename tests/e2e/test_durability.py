"""What was acknowledged is kept, whatever dies."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import httpx

from tests.e2e.running import Service, serving

KILLS = 5


def test_kill_9_during_ingest_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for round_ in range(KILLS):
        service = Service(tmp_path / "store", workers=2)
        writer = threading.Thread(target=_ingest, args=(service, round_, acknowledged))
        before = len(acknowledged)
        writer.start()
        while len(acknowledged) < before + 20 and writer.is_alive():
            time.sleep(0.005)
        service.kill()
        if round_ % 2:
            kill_store(tmp_path / "store")
        writer.join()
        assert len(acknowledged) >= before + 20, "the service was killed while it was ingesting"
    with serving(tmp_path / "store") as service:
        for item_id in acknowledged:
            item = service.get(f"/items/{item_id}")
            assert item.status_code == 200, f"{item_id} was acknowledged and is gone"
        everything = {"user_id": "u", "k": 500, "history": [{"tags": ["wok"]}]}
        candidates = service.post("/recommend", everything).json()["candidates"]
        assert len(candidates) >= min(500, len(acknowledged))


def kill_store(store: Path) -> None:
    """SIGKILL to the Valkey that outlived its service."""
    note = json.loads((store / "server.pid").read_text())
    os.kill(note["pid"], signal.SIGKILL)


def _ingest(service: Service, round_: int, acknowledged: list[str]) -> None:
    """Post until the service is gone, noting what it acknowledged."""
    with httpx.Client(base_url=service.url, timeout=10) as client:
        for number in range(100_000):
            item_id = f"r{round_}-{number}"
            body = {"items": [{"item_id": item_id, "tags": ["wok", "noodles"]}]}
            try:
                if client.post("/items", json=body).status_code == 200:
                    acknowledged.append(item_id)
            except httpx.TransportError:
                return


def test_a_user_keeps_the_history_over_a_restart(tmp_path: Path) -> None:
    event = {"user_id": "u1", "item_id": "p7", "type": "click", "tags": ["wok"]}
    with serving(tmp_path / "store") as service:
        assert service.post("/events", {"events": [event]}).json()["accepted"] == 1
        assert service.stop() == 0
    with serving(tmp_path / "store") as service:
        history = service.get("/users/u1/history").json()
        assert [item["item_id"] for item in history["history"]] == ["p7"]
