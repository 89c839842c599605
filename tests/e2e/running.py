"""A real `couple serve` in a process tree of its own, always ended by the test that began it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

GOLDEN = Path(__file__).parent.parent / "golden" / "bundle"
COUPLE = [sys.executable, "-m", "couple"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without any COUPLE_* setting but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUPLE_")}
    return {**kept, **variables}


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`couple ARGUMENTS` to its end."""
    command = [*COUPLE, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, env=environment(**variables)
    )


def wait_ready(url: str, process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Return once the service at `url` is ready; fail if its process ends or time runs out."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not ready; exit code {process.poll()}")


def start(*arguments: object, log: Path, **variables: str) -> subprocess.Popen[bytes]:
    """`couple ARGUMENTS` in a session of its own, its output in `log`."""
    # How long a write is waited for is no claim here: other tests run beside these.
    usual = {
        "COUPLE_AFTER_TIMEOUT_MS": "10000",
        "COUPLE_APPLY_TIMEOUT_MS": "10000",
        "COUPLE_STATE": str(log.parent / "state"),
        "COUPLE_BUILD_NICENESS": "0",
    }
    with log.open("wb") as out:
        return subprocess.Popen(
            [*COUPLE, *map(str, arguments)],
            stdout=out,
            stderr=out,
            env=environment(**usual, **variables),
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM, and SIGKILL for the whole session if that does not end it; the exit code."""
    process.terminate()
    try:
        return process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait(10)


class Service:
    """`couple serve --embedded` over one store folder."""

    def __init__(self, store: Path, workers: int = 1, bundle: Path = GOLDEN) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # No connection is kept, so that any worker may answer any request.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=self.url, timeout=30, limits=limits)
        self.log = store.parent / f"{store.name}-{self.port}.log"
        options = ["--bundle", bundle, "--store", store, "--workers", workers, "--port", self.port]
        self.process = start("serve", "--embedded", *options, log=self.log)
        try:
            wait_ready(self.url, self.process)
        except AssertionError as error:
            raise AssertionError(self.log.read_text()) from error

    def kill(self) -> None:
        """SIGKILL to the whole service: the command, its workers; the store lives on."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        return stop(self.process)

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self._client.post(path, json=body, headers=headers)

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)


@contextmanager
def serving(store: Path, workers: int = 1) -> Iterator[Service]:
    """A service that is stopped, and killed if it will not stop, when the block ends."""
    service = Service(store, workers)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.stop()
