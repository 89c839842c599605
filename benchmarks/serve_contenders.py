"""The servers that `benchmarks/serve.py` lets race: processes that run only in their turn.

Whoever is not in turn is stopped (SIGSTOP), so that nobody's background work costs another. With
more than one core a server has one to itself; the generator and the store have the others.
"""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.serve_load import request
from benchmarks.startup import ready

ALL_CORES = os.sched_getaffinity(0)
ROOT = Path(__file__).resolve().parent.parent
KEY = "benchmark-key"
READY_S = 1800.0  # a catalogue of a million is embedded first
CATCH_UP_S = 0.3  # after a stop, before anything is timed
CPUCLOCK_SCHED = 2  # Linux: with the id of a process, its clock_getcpuclockid(3)
TUNED = " the index: "  # what ours logs once its index suits its queries


@dataclass(frozen=True)
class Place:
    """What all contenders are given."""

    bundle: Path
    redis: str
    folder: Path  # of the bare index; logs are written there


@dataclass(frozen=True)
class Profile:
    """One way to run and to ask one server."""

    name: str
    module: str
    key: str | None = None
    asked: Mapping[str, object] | None = None  # beside user_id
    settings: Mapping[str, str] | None = None  # COUPLE_* beside those that all are given

    def request(self, user_id: str) -> bytes:
        """One recommendation, as this profile is asked for it."""
        body = {"user_id": user_id, "k": 100, **(self.asked or {})}
        return request("/recommend", orjson.dumps(body), self.key)


FLOOR = Profile("floor", "benchmarks.floor")
OBVIOUS = Profile("obvious", "benchmarks.obvious")
LEAN = Profile("ours, lean", "couple", asked={"exclude_seen": False})
SHIPPED = Profile("ours, as shipped", "couple", key=KEY)
PROFILES = (FLOOR, OBVIOUS, LEAN, SHIPPED)


class Contender:
    """One running server."""

    def __init__(self, profile: Profile, place: Place) -> None:
        self.profile = profile
        self.port = free_port()
        self._log = place.folder / f"{profile.name.replace(', ', '-').replace(' ', '-')}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                _command(profile, place, self.port),
                cwd=ROOT,
                env=_environment(profile, place, self._log.with_suffix(".state")),
                stdout=log,
                stderr=log,
            )
        os.sched_setaffinity(self._process.pid, {min(ALL_CORES)})

    def wait(self) -> None:
        """Return once it is ready; raise RuntimeError with its log when it ends first."""
        deadline = time.monotonic() + READY_S
        while not ready(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.profile.name}: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def tuned(self) -> bool:
        """Whether the log says that its index was set for the queries it has seen."""
        return TUNED in self._log.read_text()

    @property
    def pid(self) -> int:
        """Of its one process."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Processor time so far, which tells of its own work whatever else the machine does."""
        return time.clock_gettime((~self.pid << 3) | CPUCLOCK_SCHED)

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Let it run for the block; yields its port."""
        self._process.send_signal(signal.SIGCONT)
        time.sleep(CATCH_UP_S)
        try:
            yield self.port
        finally:
            self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        """End it, and wait for that."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(place: Place, profiles: tuple[Profile, ...]) -> Iterator[dict[str, Contender]]:
    """All of them, ready and stopped, by name; they end with the block."""
    with ExitStack() as stack:
        contenders = []
        for profile in profiles:
            contender = Contender(profile, place)
            stack.callback(contender.stop)
            contenders.append(contender)
        for contender in contenders:
            contender.wait()
        for contender in contenders:
            with contender.turn():
                pass
        yield {contender.profile.name: contender for contender in contenders}


@contextmanager
def other_cores() -> Iterator[None]:
    """Keep this process, and what it starts, off the servers' core, if there is another."""
    if others := ALL_CORES - {min(ALL_CORES)}:
        os.sched_setaffinity(0, others)
    try:
        yield
    finally:
        os.sched_setaffinity(0, ALL_CORES)


def free_port() -> int:
    """A port nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _command(profile: Profile, place: Place, port: int) -> list[str]:
    command = [sys.executable, "-m", profile.module]
    if profile.module == "couple":
        return [*command, "serve", "--bundle", str(place.bundle), "--port", str(port)]
    paths = ["--bundle", str(place.bundle), "--index", str(place.folder), "--redis", place.redis]
    return [*command, *paths, "--port", str(port)]


def _environment(profile: Profile, place: Place, state: Path) -> dict[str, str]:
    """Nothing of the caller's own settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COUPLE_")}
    clean |= {"COUPLE_REDIS_URL": place.redis, "COUPLE_STATE": str(state)}
    if profile.key:
        digest = hashlib.sha256(profile.key.encode()).hexdigest()
        key = {"name": "bench", "sha256": digest, "scopes": ["recommend", "ingest", "admin"]}
        clean["COUPLE_KEYS"] = json.dumps([key])
    return clean | dict(profile.settings or {})
