"""What was served today trains tomorrow: once round, by commands and HTTP alone."""

import shutil
import time
from pathlib import Path
from typing import Any

import polars as pl

from tests.e2e.running import GOLDEN, Service, run
from tests.golden.data import write_data
from tests.golden.make import SETTINGS

USERS = 150
PATIENCE_S = 120.0
LEARNED = (*SETTINGS, "split=none", "epochs=1", "calibration_users=20", "target_domain=video")


def posted(service: Service, data: Path) -> None:
    """The videos as items; what everybody took as clicks, in order of time."""
    items = pl.read_parquet(data / "items.parquet")
    videos = items.filter(domain="video").to_dicts()
    assert service.post("/items", {"items": videos}).status_code == 200
    taken = pl.read_parquet(data / "interactions.parquet").drop("domain")
    told = taken.join(items, on="item_id").sort("timestamp", "user_id").drop("timestamp")
    events = [{**row, "type": "click"} for row in told.to_dicts()]
    for start in range(0, len(events), 500):
        answer = service.post("/events", {"events": events[start : start + 500]}).json()
        assert answer["rejected"] == []


def done(*arguments: object, **variables: str) -> str:
    """`couple ARGUMENTS`, which has to succeed; what it printed."""
    result = run(*map(str, arguments), **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def activated(service: Service, path: str) -> str:
    """Load a bundle, wait until its index is built, let it answer; its version."""
    version = str(service.post("/models", {"path": path}).json()["version"])
    deadline = time.monotonic() + PATIENCE_S
    while (answer := service.post(f"/models/{version}/activate", None)).status_code != 200:
        assert answer.status_code == 409, answer.text
        assert time.monotonic() < deadline, service.get("/models").text
        time.sleep(0.05)
    return version


def recommended(service: Service) -> Any:
    return service.post("/recommend", {"user_id": "u0001", "k": 5}).json()


def test_events_become_the_model_that_answers(tmp_path: Path) -> None:
    """Serve, drain, train on that very folder, export, activate, answer."""
    write_data(tmp_path / "data", users=USERS)
    shutil.copytree(GOLDEN, tmp_path / "bundles" / "today")
    service = Service(tmp_path / "store", bundle=tmp_path / "bundles" / "today")
    try:
        posted(service, tmp_path / "data")
        today = recommended(service)
        store = f"unix://{tmp_path / 'store' / 'store.sock'}"
        done("events", "drain", "--out", tmp_path / "events", COUPLE_REDIS_URL=store)
        settings = [word for one in LEARNED for word in ("--set", one)]
        where = ("--data", tmp_path / "events", "--out", tmp_path / "checkpoint")
        done("train", *where, *settings)
        done("export", tmp_path / "checkpoint", tmp_path / "bundles" / "tomorrow")
        version = activated(service, "tomorrow")
        tomorrow = recommended(service)
    finally:
        service.stop()
    assert tomorrow["model"]["version"] == version != today["model"]["version"]
    assert len(tomorrow["candidates"]) == 5
    assert tomorrow["degraded"] == []
