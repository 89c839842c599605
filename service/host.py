"""What the workers of one host share: the snapshots of indexes, and who makes them.

    lock                held (flock) by the worker that is building or saving; ends with it
    indexes/<version>/  snapshots of one model's index

Everything here can be computed again; the folder may be deleted while no worker runs.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path

from service.errors import StateUnusable


class Host:
    """The state folder (COUPLE_STATE), which is made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody on this host builds or saves now; if so, nobody else may in this block.

        Raises:
            StateUnusable: the folder cannot be written.
        """
        lock = self._opened()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def _opened(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateUnusable(
                f"{self._folder} cannot be used ({error.strerror}): set COUPLE_STATE to a folder "
                "that this service may write"
            ) from error

    def snapshots(self, version: str) -> Path:
        """The folder of one model's snapshots."""
        return self._folder / "indexes" / version

    def newest(self, version: str) -> str | None:
        """The name of the newest snapshot, whether it serves or not."""
        return max(
            (path.name for path in _within(self.snapshots(version)) if path.name.isdigit()),
            default=None,
        )

    def age(self, version: str) -> float:
        """Seconds since the newest snapshot was written; infinite where there is none."""
        newest = self.newest(version)
        with suppress(OSError):  # whoever deletes snapshots may be quicker than this look
            if newest is not None:
                return time.time() - (self.snapshots(version) / newest).stat().st_mtime
        return inf

    def tidy(self, versions: Collection[str]) -> None:
        """Delete the snapshots of all other models, if nothing stands in the way."""
        dead = [path for path in _within(self.snapshots("")) if path.name not in versions]
        if not dead:
            return
        with suppress(StateUnusable), self.alone() as alone:
            for path in dead if alone else ():
                shutil.rmtree(path, ignore_errors=True)


def _within(folder: Path) -> list[Path]:
    """Nothing where there is no such folder; whoever writes to it says what is wrong with it."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []
