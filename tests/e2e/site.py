"""Hosts that are hosts: each a network namespace with its own address, folder and two workers.

They share one Redis, in a namespace of its own, and are called from a fourth.
"""

import hashlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from tests.e2e.network import Network
from tests.e2e.running import start, stop, wait_ready
from tests.service.rotating import rotated
from tests.service.test_digest import computed

PORT = 8000
KEY = "a key"
AUTH = {"Authorization": f"Bearer {KEY}"}
KEYS = [
    {
        "name": "test",
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        "scopes": ["admin", "ingest", "recommend"],
    }
]
AGREED_WITHIN_S = 5.0  # after the last write, or after a partition has healed
PATIENCE_S = 60.0


class Host:
    """`couple serve` with two workers on a machine of its own."""

    def __init__(self, net: Network, name: str, folder: Path, bundle: Path) -> None:
        folder.mkdir()
        self.name, self._net = name, net
        self.url = f"http://{net.address(name)}:{PORT}"
        options = ("--bundle", bundle, "--workers", 2, "--host", net.address(name), "--port", PORT)
        with net.inside(name):
            self.process = start(
                *("serve", *options),
                log=folder / "log",
                COUPLE_REDIS_URL=f"redis://{net.address('store')}:{PORT}/0",
                COUPLE_KEYS=json.dumps(KEYS),
                COUPLE_SWEEP_INTERVAL_MS="200",
                COUPLE_REDIS_TIMEOUT_MS="1000",
                COUPLE_LEAVE_NOTICE_MS="1500",
            )

    def wait(self) -> None:
        wait_ready(self.url, self.process, PATIENCE_S)

    def vanish(self) -> None:
        """Power and cable at once."""
        self._net.unplug(self.name)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            stop(self.process)


class Site:
    """The network, its Redis, and the hosts that stand at present."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.net = net
        self._folder = folder
        self.bundles = [rotated(folder / "bundles" / name, n) for n, name in enumerate("ab")]
        self.hosts: dict[str, Host] = {}
        self.redis = Redis(host=net.address("store"), port=PORT, decode_responses=True)

    def begin(self, *names: str, bundle: int = 0) -> None:
        """Start hosts, each with a folder that nobody has used, and wait until they are ready."""
        for name in names:
            folder = self._folder / f"{name}-{time.monotonic_ns()}"
            self.hosts[name] = Host(self.net, name, folder, self.bundles[bundle])
        for name in names:
            self.hosts[name].wait()

    def stop(self) -> None:
        for host in self.hosts.values():
            host.stop()

    def digests(self, *names: str) -> list[dict[str, Any]]:
        """Of both workers of each host."""
        return [one for name in names for one in self._workers(name).values()]

    def _workers(self, name: str) -> dict[int, dict[str, Any]]:
        """What each worker says, by its pid."""
        said: dict[int, dict[str, Any]] = {}
        deadline = time.monotonic() + PATIENCE_S
        while len(said) < 2:
            assert time.monotonic() < deadline, "both workers answer"
            with httpx.Client(base_url=self.hosts[name].url, headers=AUTH) as client:
                pid = client.get("/livez").json()["pid"]
                answer = client.get("/admin/digest").json()
            said[pid] = {part: answer[part] for part in ("sequence", "count", "hash")}
        return said

    def agree(self, *names: str) -> float:
        """Wait until all their workers hold what Redis holds; how long that took, seconds."""
        began = time.monotonic()
        while True:
            found = [*self.digests(*names), computed(self.redis)]
            took = time.monotonic() - began
            assert took < AGREED_WITHIN_S, found
            if all(one == found[0] for one in found):
                assert found[0]["count"] > 0
                return took
