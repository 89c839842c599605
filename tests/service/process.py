"""`serve` in a process tree of its own, as the command line runs it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


class Serving:
    """`serve` in a process tree of its own."""

    def __init__(self, workers: int, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if name[:7] != "COUPLE_"}
        never_kept = httpx.Limits(max_keepalive_connections=0)  # so that any worker may answer
        self._client = httpx.Client(limits=never_kept, timeout=10)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.service.serving", str(workers)],
            cwd=ROOT,
            env={**kept, "COUPLE_PORT": str(self.port), **variables},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def get(self, path: str) -> httpx.Response:
        return self._client.get(f"{self.url}{path}")

    def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        """Poll over connections of their own; fail when the server ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(httpx.TransportError):
                if holds():
                    return
            time.sleep(0.02)
        raise AssertionError(f"did not come to hold; exit code {self.process.poll()}")

    def ready(self) -> None:
        self.until(lambda: self.get("/readyz").status_code == 200)

    def pids(self, calls: int = 40) -> set[int]:
        """Processes that answered."""
        return {self.get("/livez").json()["pid"] for _ in range(calls)}

    def end(self) -> tuple[int, str]:
        """Exit code and everything it said, after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(workers: int, **variables: str) -> Iterator[Serving]:
    server = Serving(workers, **variables)
    try:
        server.ready()
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.communicate()
