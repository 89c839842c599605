"""The files of one snapshot: raw arrays, and JSON for strings, each checked as it is read.

Shapes: n items, D dimensions, C lists, Q queries, P measured to a depth of T. Numbers are little-
endian. Reading hashes the very bytes it hands out; writing needs a few megabytes beside the
contents. Because another thread searches meanwhile, neither works long on strings in one go.
"""

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index import snapshot_manifest as m
from index.attributes import Profile
from index.contents import Contents
from index.errors import SnapshotRefused
from index.faults import faults
from index.snapshot_manifest import About, Manifest, Seal, Sizes

_CHUNK = 1 << 20  # bytes hashed at a time: they are still in the cache
_STRINGS = 512  # or profiles at a time: half a millisecond in which no other thread runs
_BETWEEN = b",\n"  # two lots of them: no JSON string has a line end


def write_files(path: Path, contents: Contents, about: About) -> None:
    """Fill an empty directory, and return when all of it is on the disk.

    Raises:
        SnapshotRefused: the contents contradict themselves, and would be refused when read.
        OSError: the disk is full, or the like.
    """
    sizes = _sizes(contents)
    if fault := next(faults(contents, sizes), None):
        raise SnapshotRefused(f"these contents cannot be saved: {fault}")
    seals = {name: _write(path / name, data) for name, data in _streams(contents)}
    _write(path / m.NAME, [m.encode(Manifest(about, sizes, seals))])
    sync(path)


def _sizes(contents: Contents) -> Sizes:
    return Sizes(
        items=len(contents.ids),
        dim=contents.codes.shape[-1],
        lists=len(contents.centroids),
        queries=len(contents.queries),
        measured=contents.places.shape[0],
        depth=contents.places.shape[1],
        profiles=len(contents.table),
    )


def sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _streams(contents: Contents) -> Iterator[tuple[str, Iterable[bytes | memoryview]]]:
    """Every file but the manifest, piece by piece."""
    yield m.IDS, _json(contents.ids)
    yield m.TABLE, _json(contents.table)
    for name, dtype in m.ARRAYS.items():
        yield name, _raw(getattr(contents, Path(name).stem), dtype)


def _json(values: Sequence[str] | Sequence[Profile]) -> Iterator[bytes]:
    yield b"["
    for start in range(0, len(values), _STRINGS):
        chosen = list(values[start : start + _STRINGS])
        part = json.dumps(chosen, ensure_ascii=False, default=sorted)  # a profile is a set of pairs
        # A lone surrogate is no UTF-8, but it is a string somebody may have named an item with.
        yield (_BETWEEN if start else b"") + part[1:-1].encode("utf-8", "surrogatepass")
    yield b"]\n"


def _raw(array: NDArray[Any], dtype: str) -> Iterator[memoryview]:
    rows = max(1, _CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        part = np.ascontiguousarray(array[start : start + rows], dtype=dtype)
        yield part.reshape(-1).view(np.uint8).data


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> Seal:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for piece in pieces:
            digest.update(piece)
            size += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return Seal(size, digest.hexdigest())


def inspect(path: Path) -> Manifest:
    """All that can be checked of a snapshot without reading its arrays.

    Raises:
        SnapshotRefused: it cannot be one that was written here.
        OSError: it cannot be looked at.
    """
    if path.is_symlink() or not path.is_dir():
        raise SnapshotRefused(f"{path} is not a directory, as snapshots are: remove it")
    _check_names(path)
    manifest = _manifest(path / m.NAME)
    for name in m.FILES:
        _check_size(path / name, manifest)
    return manifest


def _check_names(path: Path) -> None:
    found = set(os.listdir(path))  # noqa: PTH208  names are all that is wanted
    for name in sorted((m.FILES | {m.NAME}) - found):
        raise SnapshotRefused(f"{path / name} is missing: delete that damaged snapshot")
    for name in sorted(found - m.FILES - {m.NAME}):
        raise SnapshotRefused(f"{path / name} is no file of a snapshot: move it elsewhere")


def _manifest(path: Path) -> Manifest:
    if _size(path) > m.LARGEST:
        raise SnapshotRefused(f"{path} has over {m.LARGEST} bytes: delete that damaged snapshot")
    manifest = m.decode(path.read_bytes(), path)
    if manifest.files.keys() != m.FILES:
        raise SnapshotRefused(f"{path} names other files than snapshots have: delete that snapshot")
    return manifest


def _check_size(path: Path, manifest: Manifest) -> None:
    """Before anything is allocated for it."""
    found, size = _size(path), manifest.files[path.name].bytes
    if found != size:
        raise SnapshotRefused(
            f"{path} has {found} bytes, not the {size} written: delete that damaged snapshot"
        )


def _size(path: Path) -> int:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):  # a link leads elsewhere, a pipe would be waited for
        raise SnapshotRefused(f"{path} is not a regular file: delete that damaged snapshot")
    return found.st_size


def read_files(path: Path, manifest: Manifest) -> Contents:
    """Everything but the manifest, which `inspect` has read.

    Raises:
        SnapshotRefused: bytes differ from those written, or contradict each other.
        OSError: a file cannot be read.
    """
    contents = Contents(
        ids=_ids(path / m.IDS, manifest),
        table=_table(path / m.TABLE, manifest),
        **{Path(name).stem: _array(path / name, manifest) for name in m.ARRAYS},
    )
    if fault := next(faults(contents, manifest.sizes), None):
        raise SnapshotRefused(f"{path} is intact, but contradicts itself: {fault}; delete it")
    return contents


def _array(path: Path, manifest: Manifest) -> NDArray[Any]:
    dtype, shape = np.dtype(m.ARRAYS[path.name]), manifest.sizes.shape_of(path.stem)
    data = _read(path, manifest.files[path.name])
    if math.prod(shape) * dtype.itemsize != len(data):
        raise SnapshotRefused(f"{path} is intact, but not of shape {shape}: delete that snapshot")
    return data.view(dtype).reshape(shape)


def _read(path: Path, seal: Seal) -> NDArray[np.uint8]:
    """The bytes that the seal is of: one pass, one copy."""
    digest, data = hashlib.sha256(), np.empty(seal.bytes, dtype=np.uint8)
    with path.open("rb") as file:
        for start in range(0, seal.bytes, _CHUNK):
            piece = data[start : start + _CHUNK].data
            digest.update(piece[: file.readinto(piece)])
    if digest.hexdigest() != seal.sha256:
        raise SnapshotRefused(f"{path} does not match its sha256: delete that damaged snapshot")
    return data


def _ids(path: Path, manifest: Manifest) -> list[str]:
    ids, parts = list[Any](), [np.empty(0, dtype=np.int64)]
    for part in _parts(path, manifest):
        if set(map(type, part)) <= {str}:
            ids += part
            parts.append(np.fromiter(map(hash, part), dtype=np.int64, count=len(part)))
    if len(ids) != manifest.sizes.items:
        raise SnapshotRefused(
            f"{path} is intact, but not {manifest.sizes.items} strings: delete that snapshot"
        )
    # Sorting hashes takes half the time of a set, and as a rule settles it.
    hashes = np.concatenate(parts)
    hashes.sort()
    if (hashes[1:] == hashes[:-1]).any() and len(set(ids)) != len(ids):
        raise SnapshotRefused(f"{path} is intact, but names an id twice: delete that snapshot")
    return ids


def _table(path: Path, manifest: Manifest) -> list[Profile]:
    profiles = [_profile(pairs) for part in _parts(path, manifest) for pairs in part]
    if len(profiles) != manifest.sizes.profiles or None in profiles:
        raise SnapshotRefused(
            f"{path} is intact, but not {manifest.sizes.profiles} lists of [key, value]: "
            "delete that snapshot"
        )
    if len(set(profiles)) != len(profiles):
        raise SnapshotRefused(f"{path} is intact, but holds a profile twice: delete that snapshot")
    return [profile for profile in profiles if profile is not None]


def _profile(pairs: object) -> Profile | None:
    """None for anything but a list of [key, value]."""
    if not isinstance(pairs, list):
        return None
    found = [(pair[0], pair[1]) for pair in pairs if _is_pair(pair)]
    return frozenset(found) if len(found) == len(pairs) else None


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and list(map(type, pair)) == [str, str]


def _parts(path: Path, manifest: Manifest) -> Iterator[list[Any]]:
    """A JSON list as it was written, some hundred values at a time."""
    lines = _read(path, manifest.files[path.name]).tobytes().split(_BETWEEN)
    lines[1:] = [b"[" + line for line in lines[1:]]
    lines[:-1] = [line + b"]" for line in lines[:-1]]
    for line in lines:
        try:
            values = json.loads(str(line, "utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise SnapshotRefused(f"{path} is intact, but no JSON: delete that snapshot") from error
        if not isinstance(values, list):
            raise SnapshotRefused(f"{path} is intact, but no JSON list: delete that snapshot")
        yield values
