"""What it costs to start the service and to keep it: import, time to ready, memory.

Each figure stands beside its yardstick from the same run: a process that imports the service's
three heavy libraries and nothing of ours. Medians of ROUNDS interleaved rounds.

    python benchmarks/startup.py [BUNDLE]
"""

import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROUNDS = 5
GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "bundle"
LIBRARIES = "import fastapi, faiss, onnxruntime"
MEASURED = """
import re, time
began = time.perf_counter()
{code}
seconds = time.perf_counter() - began
print(seconds, re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def imported(code: str) -> tuple[float, float]:
    """Seconds of an import in a fresh process, and resident MB after it."""
    command = [sys.executable, "-c", MEASURED.format(code=code)]
    out = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return float(out[0]), int(out[1]) / 1024


def served(bundle: Path) -> tuple[float, float]:
    """Seconds from the command to ready, and resident MB of the service's process then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as store:
        options = ["--embedded", "--store", store, "--bundle", str(bundle), "--port", str(port)]
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "couple", "serve", *options], stderr=subprocess.DEVNULL
        )
        try:
            while not ready(port):
                time.sleep(0.01)
            seconds = time.perf_counter() - began
            status = Path(f"/proc/{process.pid}/status").read_text()
            resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
            return seconds, int(resident.split()[1]) / 1024
        finally:
            process.terminate()
            process.wait()


def ready(port: int) -> bool:
    """Whether a service on this port says that it is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def main() -> None:
    bundle = Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN
    rows: dict[str, Callable[[], tuple[float, float]]] = {
        LIBRARIES: lambda: imported(LIBRARIES),
        "import service.app": lambda: imported("import service.app"),
        f"couple serve --embedded, {bundle.name}, to ready": lambda: served(bundle),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, measure in rows.items():
            found[name].append(measure())
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    print("| | seconds | ratio | resident MB | ratio |\n| --- | --- | --- | --- | --- |")
    first: tuple[float, float] | None = None
    for name, pairs in found.items():
        seconds, resident = (statistics.median(column) for column in zip(*pairs, strict=True))
        first = first or (seconds, resident)
        ratios = f"{seconds / first[0]:.2f}", f"{resident / first[1]:.2f}"
        print(f"| `{name}` | {seconds:.2f} | {ratios[0]} | {resident:.0f} | {ratios[1]} |")


if __name__ == "__main__":
    main()
