"""The folder that the event stream is drained into: whole batches, and with them the position.

day=2026-11-24/             by the clock of Redis, in UTC
  <first id>_<last id>/     one batch: the stream's entries between these two, both included
    events.parquet
    recommendations.parquet only if there were any
drain.lock                  locked by the drain that runs; holds its pid
.aside/                     what is being written

A batch appears by one rename, and its name says how far the stream has been read: so a drain that
is killed has either both, rows and position, or neither.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from bundle.errors import CoupleError
from couple.entries import Batch, StreamId

EVENTS = "events.parquet"
RECOMMENDATIONS = "recommendations.parquet"
LOCK = "drain.lock"
ASIDE = ".aside"


class FolderUnusable(CoupleError):
    """A folder that cannot be drained into."""


class DrainRunning(CoupleError):
    """Another drain writes to this folder."""


class Drained:
    """One such folder; only its owner, who holds the lock, may write."""

    def __init__(self, folder: Path) -> None:
        """Look into it.

        Raises:
            FolderUnusable: a batch in it has no name of ours.
        """
        self._folder = folder
        self.position = max((_ids(path)[1] for path in folder.glob("day=*/*")), default=None)

    def add(self, batch: Batch) -> int:
        """Keep a batch that follows on the position; return how many older rows it erased.

        A kill in the middle loses nothing: what is erased stays so, and the batch comes again.

        Raises:
            FolderUnusable: the disk refuses, or a file to erase from is damaged.
        """
        try:
            gone = sum(self._erase(path, batch) for path in self._files()) if batch.erased else 0
            self._write(batch)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise FolderUnusable(f"{self._folder} cannot be written: {why}") from error
        self.position = batch.last
        return gone

    def _files(self) -> Iterator[Path]:
        yield from sorted(self._folder.glob("day=*/*/*.parquet"))

    def _write(self, batch: Batch) -> None:
        made = self._folder / ASIDE / "batch"
        made.mkdir()
        _save(batch.events, made / EVENTS)
        if len(batch.recommendations):
            _save(batch.recommendations, made / RECOMMENDATIONS)
        _sync(made)
        day = self._folder / f"day={batch.first.day}"
        day.mkdir(exist_ok=True)
        made.rename(day / f"{batch.first}_{batch.last}")
        _sync(day)
        _sync(self._folder)

    def _erase(self, path: Path, batch: Batch) -> int:
        theirs = pl.col("user_id").is_in(list(batch.erased))
        try:
            rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            gone = int(rows.select(theirs.sum()).collect().item())
            if not gone:
                return 0
            kept = rows.filter(~theirs).collect()
        except pl.exceptions.PolarsError as error:
            raise FolderUnusable(
                f"{path} is damaged, so nobody can be erased from it: restore it, or remove the "
                "folder of its batch"
            ) from error
        aside = self._folder / ASIDE / path.name
        _save(kept, aside)
        aside.replace(path)
        _sync(path.parent)
        return gone


@contextmanager
def drained(folder: Path) -> Iterator[Drained]:
    """The folder, made if need be, for this process alone until the block ends.

    Raises:
        DrainRunning: another process has it.
        FolderUnusable: it holds other things, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / LOCK).is_file():
            raise FolderUnusable(f"{folder} holds other things: name a folder of the drain's own")
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise FolderUnusable(f"{folder} cannot be used: {why}") from error
    try:
        _own(lock, folder)
        shutil.rmtree(folder / ASIDE, ignore_errors=True)
        (folder / ASIDE).mkdir()
        yield Drained(folder)
        (folder / ASIDE).rmdir()
    finally:
        os.close(lock)


def _own(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.pread(lock, 32, 0).decode() or "unknown"
        raise DrainRunning(
            f"process {pid} drains into {folder}: stop that, or name another folder"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def _ids(batch: Path) -> tuple[StreamId, StreamId]:
    try:
        first, last = map(StreamId.of, batch.name.split("_"))
    except ValueError as error:
        raise FolderUnusable(f"{batch} is no batch of the drain: take it away") from error
    return first, last


def _save(table: pl.DataFrame, path: Path) -> None:
    with path.open("wb") as file:
        table.write_parquet(file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make the names in a folder outlive a failure of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
