"""A Milvus for tests: Lite in the process that serves, or a Lite that several processes share."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.milvus import MilvusIndex
from tests.service import tiny
from tests.service.process import free_port

QUICK = {
    "COUPLE_INDEX": "milvus",
    "COUPLE_MILVUS_STRUCTURE": '{"index_type": "FLAT"}',
    "COUPLE_MILVUS_LEASE_MS": "500",
    "COUPLE_MILVUS_TIMEOUT_MS": "10000",  # a busy machine is no outage
    "COUPLE_APPLY_TIMEOUT_MS": "10000",
    "COUPLE_AFTER_TIMEOUT_MS": "10000",
    "COUPLE_REDIS_TIMEOUT_MS": "5000",
    "COUPLE_REDIS_READ_TIMEOUT_MS": "5000",
}


def variables(uri: str | Path, state: Path) -> dict[str, str]:
    """Of a service whose index lies there."""
    return {**QUICK, "COUPLE_MILVUS_URI": str(uri), "COUPLE_STATE": str(state)}


def held(uri: str, name: str) -> set[str]:
    """Ids in a collection of the tiny bundle's vectors."""
    index = MilvusIndex(uri, name, tiny.DIM)
    try:
        assert len(index) == len(index.ids())
        return index.ids()
    finally:
        index.close()


@contextmanager
def shared(folder: Path, port: int | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Milvus Lite in a process of its own, and its address."""
    port = port or free_port()
    command = [sys.executable, "-u", "-m", "milvus_lite", "server", "--host", "127.0.0.1"]
    words = [*command, "--port", f"{port}", "--data-dir", f"{folder}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "listening" in process.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.kill()
