"""`serve`: real processes, real sockets; what is refused at start, and what survives."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.service import tiny
from tests.service.process import ROOT, Serving, serving


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def refusal(workers: int, **variables: str) -> str:
    """The sentence of a server that does not start."""
    server = Serving(workers, **variables)
    _, said = server.process.communicate(timeout=60)
    assert server.process.returncode == 2, said
    return said


def test_one_worker_serves_and_drains(variables: dict[str, str]) -> None:
    """It says where in one line, stays small, finishes what is in flight, and exits with 0."""
    with serving(1, **variables) as server:
        assert resident_mb(server.pids().pop()) < 250
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            body = b'{"user_id":"u1"}'
            head = f"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            slow.sendall(head.encode() + body[:5])
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            slow.sendall(body[5:])
            assert slow.recv(65536).startswith(b"HTTP/1.1 200 OK")
        _, said = server.process.communicate(timeout=30)
        assert server.process.returncode == 0
    assert f"serving tiny {version(variables)[:12]} on {server.url} with 1 worker\n" in said
    assert "no key is configured: this machine may do everything, others nothing" in said
    assert "Traceback" not in said


def version(variables: dict[str, str]) -> str:
    manifest = Path(variables["COUPLE_BUNDLE"]) / "manifest.json"
    return str(json.loads(manifest.read_text())["version"])


def test_a_worker_that_dies_is_replaced(variables: dict[str, str]) -> None:
    """Two answer on one port; after a kill of one there are two again, with every item."""
    with serving(2, **variables) as server:
        server.until(lambda: len(server.pids()) == 2)
        item = {"items": [{"item_id": "v1", "tags": ["wok"]}]}
        posted = httpx.post(f"{server.url}/items", json=item).json()
        before = server.pids()
        os.kill(min(before), signal.SIGKILL)
        server.until(lambda: len(server.pids() - {min(before)}) == 2)
        server.until(lambda: all(server.get("/readyz").status_code == 200 for _ in range(20)))
        headers = {"X-Couple-After": posted["sequence"]}
        for _ in range(10):
            asked = httpx.post(f"{server.url}/recommend", json={"user_id": "u"}, headers=headers)
            assert [c["item_id"] for c in asked.json()["candidates"]] == ["v1"]
        code, said = server.end()
        assert code == 0
        assert "with 2 workers" in said


def test_workers_end_with_a_parent_that_is_killed(variables: dict[str, str]) -> None:
    """Nobody would replace or stop them, and they hold the port."""
    with serving(2, **variables) as server:
        server.until(lambda: len(server.pids()) == 2)
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + 10
        while listens(server.port) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not listens(server.port)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_bundle_that_spoils_after_start_ends_in_a_sentence(
    variables: dict[str, str], tmp_path: Path
) -> None:
    """Workers that can never come up are not respawned for ever."""
    bundle = tiny.write_bundle(tmp_path / "bundle")
    spoiling = f"""
import pathlib, sys
import service.server
from service.settings import Settings
check = service.server.check
def then_spoil(*given):
    model = check(*given)
    pathlib.Path({str(bundle)!r}, "tags.txt").write_text("")
    return model
service.server.check = then_spoil
if __name__ == "__main__":
    try:
        service.server.serve(Settings(), workers=int(sys.argv[1]))
    except service.server.WorkersFailed as error:
        sys.exit(str(error))
"""
    script = tmp_path / "spoil.py"
    script.write_text(spoiling)
    environment = {**os.environ, **variables, "COUPLE_BUNDLE": str(bundle), "COUPLE_PORT": "0"}
    for workers, message in (("1", "the service did not start"), ("2", "a worker did not come up")):
        tiny.write_bundle(bundle)
        result = subprocess.run(
            [sys.executable, script, workers],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 1, result.stderr
        assert result.stderr.strip().endswith(f"{message}: the log above says why")
        assert "is damaged: its sha256 is not the manifest's" in result.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_while_starting_is_no_failure(variables: dict[str, str], workers: int) -> None:
    """SIGTERM between the first line and the first answer: exit code 0, no traceback."""
    server = Serving(workers, **variables)
    assert server.process.stderr
    first = server.process.stderr.readline()
    code, said = server.end()
    assert code == 0, said
    assert "Traceback" not in first + said


def other(variables: dict[str, str], database: str) -> str:
    return variables["COUPLE_REDIS_URL"].removesuffix("0") + database


def test_what_cannot_be_served_is_refused_in_one_sentence(
    variables: dict[str, str], tmp_path: Path
) -> None:
    """Each before a worker is started, each with what to do about it."""
    none = {"COUPLE_REDIS_URL": variables["COUPLE_REDIS_URL"]}
    cases = [
        (none, "no bundle to serve: give --bundle FOLDER or set COUPLE_BUNDLE"),
        ({**variables, "COUPLE_BUNDLE": str(tmp_path / "x")}, "x does not exist: name a folder"),
        ({**variables, "COUPLE_REDIS_URL": "redis://127.0.0.1:1"}, "no Redis answers at redis://1"),
        ({**variables, "COUPLE_REDIS_URL": "nonsense"}, "COUPLE_REDIS_URL: Input should be a URL"),
        ({**variables, "COUPLE_REDIS_URL": other(variables, "77")}, "refuses: DB index is out of"),
        ({**variables, "COUPLE_HOST": "0.0.0.0"}, "no key is configured, so only"),  # noqa: S104
        ({**variables, "COUPLE_HOST": "127.0.0.999"}, "only a loopback address may be bound"),
    ]
    for given, sentence in cases:
        said = refusal(2, **given)
        assert said.startswith("couple: ")
        assert sentence in said
        assert said.count("\n") == 1


def test_a_port_that_is_taken_is_named(variables: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refusal(1, **{**variables, "COUPLE_PORT": str(port)})
    assert (
        said == f"couple: cannot bind 127.0.0.1:{port}: address already in use; "
        "choose another --port\n"
    )


def test_importing_the_service_brings_nothing_that_trains() -> None:
    """Which would take seconds, and hundreds of megabytes; how long it takes is a benchmark's."""
    code = (
        "import sys, service.app; "
        "print([n for n in ('torch', 'polars', 'onnx', 'pandas') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr
