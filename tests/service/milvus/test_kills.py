"""A writer that dies or freezes is replaced: what was acknowledged is there, and there once."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from service.milvus.shelf import collection
from tests.campaign import count
from tests.service.milvus import lite
from tests.service.process import Serving, serving

KILLS = count(3, 20)
WOK = [{"tags": ["wok"]}]
END = {"item_id": "end", "tags": ["wok"]}


def ingest(url: str, name: str, acknowledged: list[str]) -> None:
    """Post until the service is gone, noting what it acknowledged."""
    with httpx.Client(base_url=url, timeout=20) as client:
        for number in range(100_000):
            item_id = f"{name}-{number}"
            item = {"item_id": item_id, "tags": ["wok"]}
            try:
                if client.post("/items", json={"items": [item]}).status_code == 200:
                    acknowledged.append(item_id)
            except httpx.TransportError:
                return


def ingesting(service: Serving, name: str, acknowledged: list[str]) -> threading.Thread:
    """Begun, and twenty items on."""
    before = len(acknowledged)
    caller = threading.Thread(target=ingest, args=(service.url, name, acknowledged))
    caller.start()
    service.until(lambda: len(acknowledged) >= before + 20)
    return caller


def names(redis: Any, version: str) -> tuple[str, set[str]]:
    """The collection of the model, and ids of the catalogue."""
    store = redis.hget("couple:{items}:store", "id")
    return collection(store, version), set(redis.zrange("couple:{items}:ids", 0, -1))


def version(service: Serving) -> str:
    return str(service.get("/models").json()["active"])


def settled(service: Serving) -> Callable[[], bool]:
    """Whether an answer looks into all that was posted before."""

    def holds() -> bool:
        last = httpx.post(f"{service.url}/items", json={"items": [END]}, timeout=20)
        asked = {"user_id": "u", "k": 1, "history": WOK}
        after = {"X-Couple-After": last.json()["sequence"]}
        answer = httpx.post(f"{service.url}/recommend", json=asked, headers=after, timeout=20)
        return "stale_index" not in answer.json()["degraded"]

    return holds


def test_kill_9_of_the_writer_during_ingest_loses_nothing_and_doubles_nothing(
    redis: Any, variables: dict[str, str], tmp_path: Path
) -> None:
    """On Milvus Lite: who serves is who writes, and leaves a batch or a lease behind each time."""
    given = {**variables, **lite.variables(tmp_path / "items.db", tmp_path / "state")}
    acknowledged: list[str] = []
    for round_ in range(KILLS):
        with serving(1, **given) as service:
            caller = ingesting(service, f"r{round_}", acknowledged)
            os.killpg(service.process.pid, signal.SIGKILL)
            caller.join()
    with serving(1, **given) as service:
        service.until(settled(service))
        model = version(service)
        service.end()
    name, catalogue = names(redis, model)
    assert set(acknowledged) <= catalogue
    assert lite.held(str(tmp_path / "items.db"), name) == catalogue


def test_a_frozen_writer_is_replaced_and_does_no_harm_when_it_thaws(
    redis: Any, variables: dict[str, str], tmp_path: Path
) -> None:
    """Two hosts, one Milvus: one of them freezes in the middle of ingest, the other writes on."""
    with lite.shared(tmp_path / "milvus") as (uri, _):
        given = {**variables, **lite.variables(uri, tmp_path / "state")}
        with serving(1, **given) as one, serving(1, **given) as two:
            acknowledged: list[str] = []
            caller = ingesting(one, "before", acknowledged)
            os.killpg(one.process.pid, signal.SIGSTOP)
            other = ingesting(two, "after", acknowledged)
            two.until(settled(two))
            os.killpg(one.process.pid, signal.SIGCONT)
            one.until(settled(one))
            model = version(two)
            for service in (one, two):
                os.killpg(service.process.pid, signal.SIGKILL)
            caller.join()
            other.join()
        with serving(1, **given) as last:
            last.until(settled(last))
            name, catalogue = names(redis, model)
            assert set(acknowledged) <= catalogue
            assert lite.held(uri, name) == catalogue
