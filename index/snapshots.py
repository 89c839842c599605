"""A folder of snapshots: the newest three, each a directory that is there whole or not at all.

    000000000041/          oldest of the three; read when 42 and 43 are refused
    000000000042/
    000000000043/          manifest.json, codes.f16, …
    .partial-8c1d52e0/     being written, or left by a writer that died

A snapshot is written under another name, and takes its number by being renamed when every byte is
on the disk. Locks (flock, so a local disk) are held on directories and end with the process.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from index.contents import Contents
from index.errors import NoSnapshot, SnapshotError, SnapshotRefused
from index.snapshot_files import inspect, read_files, sync, write_files
from index.snapshot_manifest import About, Manifest

__all__ = ["KEPT", "About", "Loaded", "read", "write"]

KEPT = 3

_NUMBER = re.compile("[0-9]{12,}")
_PARTIAL = ".partial-"


@dataclass(frozen=True)
class Loaded:
    """A snapshot in memory, and why it is not the newest where it is not."""

    contents: Contents
    about: About
    path: Path
    refused: tuple[str, ...]  # a sentence for each newer one, newest first


def write(folder: Path, contents: Contents, about: About) -> Path:
    """Keep the contents as the newest snapshot in `folder`, which is made if need be.

    The newest three that are not visibly damaged stay, older ones go, and so does what dead writers
    left. When this returns the snapshot is on the disk; when it raises the old ones still are.

    Raises:
        SnapshotRefused: the contents contradict themselves.
        SnapshotError: the disk is full, the folder is read-only, or the like.
    """
    try:
        _make(folder)
        with _partial(folder) as partial:
            write_files(partial, contents, about)
            path = _publish(folder, partial)
    except OSError as error:
        raise SnapshotError(
            f"{folder} takes no snapshot ({error.strerror}): give it room and write access"
        ) from error
    _prune(folder)
    return path


def read(folder: Path, *, dim: int, model: str) -> Loaded:
    """The newest snapshot that is intact, of this model and of this dimension.

    Raises:
        NoSnapshot: there is none at all.
        SnapshotRefused: none of those there can be used; the message names every reason.
        SnapshotError: the folder cannot be looked into.
    """
    paths, refused = _snapshots(folder), list[str]()
    for path in paths:
        try:
            manifest, contents = _open(path, dim, model)
            return Loaded(contents, manifest.about, path, tuple(refused))
        except SnapshotRefused as error:
            if os.path.lexists(path):  # else a writer found it too old, as it was read
                refused.append(str(error))
    if paths != _snapshots(folder):  # writers have replaced them all meanwhile
        return read(folder, dim=dim, model=model)
    if not refused:
        raise NoSnapshot(f"{folder} holds no snapshot: build the index from the log")
    raise SnapshotRefused(f"{folder} holds no snapshot that can be used: {'; '.join(refused)}")


def _open(path: Path, dim: int, model: str) -> tuple[Manifest, Contents]:
    try:
        manifest = inspect(path)
        _check_fit(path, manifest, dim, model)
        return manifest, read_files(path, manifest)
    except OSError as error:
        named = error.filename or path
        raise SnapshotRefused(
            f"{named} cannot be read ({error.strerror}): delete that snapshot"
        ) from error
    except MemoryError as error:
        raise SnapshotRefused(f"{path} is larger than the memory: give the process more") from error


def _check_fit(path: Path, manifest: Manifest, dim: int, model: str) -> None:
    about, sizes = manifest.about, manifest.sizes
    if about.model != model:
        raise SnapshotRefused(
            f"{path}/manifest.json is of model {about.model}, not {model}, and their vectors do "
            "not compare: load it with its own bundle, or build the index from the log"
        )
    if sizes.dim != dim:
        raise SnapshotRefused(
            f"{path}/manifest.json is of {sizes.dim} dimensions, not {dim}: "
            "load it with its own bundle, or build the index from the log"
        )


def _snapshots(folder: Path) -> list[Path]:
    """Newest first; whatever has a snapshot's name."""
    try:
        found = [path for path in folder.iterdir() if _NUMBER.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SnapshotError(
            f"{folder} cannot be looked into ({error.strerror}): name a folder of snapshots"
        ) from error
    return sorted(found, key=_number, reverse=True)


def _number(path: Path) -> int:
    return int(path.name)


def _make(folder: Path) -> None:
    """Like mkdir -p, but so that it outlasts a power cut."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


@contextmanager
def _partial(folder: Path) -> Iterator[Path]:
    """A directory to write in, locked for as long as its writer lives, gone when it fails."""
    with _locked(folder):  # or another writer could take it for a dead one's before it is locked
        _sweep(folder)
        partial = _unused(folder)
        partial.mkdir()
        lock = os.open(partial, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def _unused(folder: Path) -> Path:
    return folder / f"{_PARTIAL}{secrets.token_hex(8)}"


@contextmanager
def _locked(path: Path, flags: int = 0) -> Iterator[None]:
    """Raise BlockingIOError with LOCK_NB if another has it."""
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(lock)


def _sweep(folder: Path) -> None:
    """Remove what dead writers left: what nobody holds locked, and what can be removed."""
    for path in folder.glob(f"{_PARTIAL}*"):
        with suppress(OSError), _locked(path, fcntl.LOCK_NB):
            shutil.rmtree(path)


def _publish(folder: Path, partial: Path) -> Path:
    """Give it the next number; no rename ever replaces a directory that holds something."""
    with _locked(folder):
        newest = max(map(_number, _snapshots(folder)), default=0)
        path = partial.rename(folder / f"{newest + 1:012d}")
        sync(folder)
    return path


def _prune(folder: Path) -> None:
    """A snapshot that is visibly damaged does not count as one of the three."""
    try:
        with _locked(folder):
            _remove_old(folder)
    except OSError as error:
        raise SnapshotError(
            f"{folder} has a new snapshot, but keeps old ones ({error.strerror}): remove them"
        ) from error


def _remove_old(folder: Path) -> None:
    kept = 0
    for path in _snapshots(folder):
        if kept == KEPT:
            _remove(path)
        elif _sound(path):
            kept += 1


def _sound(path: Path) -> bool:
    try:
        inspect(path)
    except (SnapshotRefused, OSError):
        return False
    return True


def _remove(path: Path) -> None:
    """All at once for whoever reads; links and files of a snapshot's name are somebody else's."""
    if path.is_dir() and not path.is_symlink():
        partial = path.rename(_unused(path.parent))
        shutil.rmtree(partial)
