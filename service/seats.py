"""The figures of all workers of a host, so that any of them can answer for all.

    metrics/<n>.lock   held (flock) by the worker that has seat n; ends with it, however it ends
    metrics/<n>.json   what it counted, and what is so of it now

A worker takes the first free seat and counts on where the one before it stopped: so counts never
fall when a worker dies, there are never more seats than workers lived at once, and what is so of a
dead worker is no longer told, because nobody holds its lock. A worker writes before it answers, so
nothing was ever told that is not written down. The file is replaced whole now and then: counting
in a mapped file would let a busy disk stop requests.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from service.errors import StateUnusable

FORMAT = 1  # of the files; another one begins at nothing, as when bounds of histograms change


@dataclass(frozen=True)
class Told:
    """Figures by their name in Prometheus' text form."""

    counts: Mapping[str, float] = field(default_factory=dict)  # only ever rise
    gauges: Mapping[str, float] = field(default_factory=dict)
    format: int = FORMAT


_TOLD = TypeAdapter(Told)


class Seats:
    """The seats of a host; this worker has one from `take` to `leave`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: int | None = None
        self._before: Mapping[str, float] = {}
        self.number = 0

    @property
    def seated(self) -> bool:
        """Whether this worker has a seat."""
        return self._lock is not None

    def take(self) -> None:
        """Take the first free seat; raise StateUnusable."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for self.number in count():
                self._lock = _hold(self._path("lock"))
                if self._lock is not None:
                    break
        except OSError as error:
            raise self._unusable(error) from error
        self._before = _read(self._path("json")).counts

    def tell(self, counts: Mapping[str, float], gauges: Mapping[str, float]) -> None:
        """Write down what this worker counted since it began; raise StateUnusable."""
        sums = _sums(self._before, counts)
        draft = self._path("draft")
        try:
            draft.write_bytes(_TOLD.dump_json(Told(sums, gauges)))
            draft.replace(self._path("json"))
        except OSError as error:
            raise self._unusable(error) from error

    def heard(self) -> Told:
        """The counts of all workers that ever were, the gauges of those that are."""
        counts: Mapping[str, float] = {}
        gauges: dict[str, float] = {}
        for path in sorted(self._folder.glob("*.json")):
            told = _read(path)
            counts = _sums(counts, told.counts)
            if path == self._path("json") or _held(path.with_suffix(".lock")):
                gauges.update(told.gauges)
        return Told(counts, gauges)

    def leave(self) -> None:
        """Free the seat."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _path(self, end: str) -> Path:
        return self._folder / f"{self.number}.{end}"

    def _unusable(self, error: OSError) -> StateUnusable:
        return StateUnusable(
            f"{self._folder} cannot be used ({error.strerror}): set COUPLE_STATE to a folder that "
            "this service may write"
        )


def _hold(path: Path) -> int | None:
    """The lock of a seat, None where another worker holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _held(path: Path) -> bool:
    """Whether a worker holds it. Whoever looks shares it with others who look."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _read(path: Path) -> Told:
    """Nothing where there is no file, or none of ours."""
    with suppress(OSError, ValidationError):
        told = _TOLD.validate_json(path.read_bytes())
        if told.format == FORMAT:
            return told
    return Told()


def _sums(some: Mapping[str, float], others: Mapping[str, float]) -> dict[str, float]:
    sums = defaultdict(float, some)
    for name, value in others.items():
        sums[name] += value
    return dict(sums)
