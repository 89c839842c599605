"""A service of a command's own: `couple serve` beside it, asked over HTTP like any other."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

from bundle.errors import CoupleError

LOG = "serve.log"


class ServiceFailed(CoupleError):
    """The service did not start."""


@contextmanager
def serving(bundle: Path, log: Path, **settings: str) -> Iterator[str]:
    """Serve a bundle at a free port of loopback, without keys; yield the URL.

    `settings` are COUPLE_* variables, COUPLE_REDIS_URL among them. When the block ends the service
    is told to stop and waited for, so that everything it took is in its store.

    Raises:
        ServiceFailed: it ends before it is ready; its last words.
    """
    from service.server import bind

    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if name != "COUPLE_KEYS"}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "couple", "serve", "--bundle", str(bundle)),
                *("--host", "127.0.0.1", "--port", str(port)),
            ],
            env={**kept, **settings},
            stdout=said,
            stderr=said,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _await_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait()


def _await_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return once it is ready; raise ServiceFailed with its last words if it ends."""
    while process.poll() is None:
        with suppress(OSError), urlopen(f"{url}/readyz", timeout=5):  # noqa: S310  # our own
            return
        time.sleep(0.05)
    words = log.read_text(errors="replace").strip().splitlines()
    raise ServiceFailed(words[-1].removeprefix("couple: ") if words else f"see {log}")
