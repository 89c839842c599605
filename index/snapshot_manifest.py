"""`manifest.json` of a snapshot: what it is of, how much it holds, and the digest of every file.

The manifest ends in a checksum of its own bytes, so nothing of a snapshot is believed unchecked.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from index.errors import SnapshotRefused

FORMAT = 2  # raised when a reader of the old one would misread the new one
NAME = "manifest.json"
LARGEST = 1 << 20  # bytes; a real one has a few thousand

IDS = "ids.json"  # n strings
TABLE = "attributes.json"  # for each profile a list of [key, value]
ARRAYS = {  # each named for a column of `Contents`, with the type of its numbers
    "codes.f16": "<f2",
    "published.f64": "<f8",
    "expires.f64": "<f8",
    "profiles.i32": "<i4",
    "lists.i32": "<i4",
    "centroids.f32": "<f4",
    "spreads.f32": "<f4",
    "metric.f32": "<f4",
    "queries.f32": "<f4",
    "places.i32": "<i4",
}
FILES = frozenset({IDS, TABLE, *ARRAYS})  # beside the manifest

_BLANK = b"0" * 64
_CHECKSUM = re.compile(rb'"checksum": "([0-9a-f]{64})"\n}\n\Z')
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class About:
    """What a snapshot is of."""

    model: str  # the bundle's version: its vectors compare with no other's
    position: str  # of the log, which the contents have at least reached; opaque here


@dataclass(frozen=True)
class Sizes:
    """How much a snapshot holds; every array's shape follows from it."""

    items: int  # n
    dim: int  # D
    lists: int  # C
    queries: int  # Q
    measured: int  # P
    depth: int  # T
    profiles: int  # of the table

    def shape_of(self, column: str) -> tuple[int, ...]:
        """The shape of an array of `Contents`."""
        tables = {
            "codes": (self.items, self.dim),
            "centroids": (self.lists, self.dim),
            "spreads": (self.lists,),
            "metric": (self.dim, self.dim),
            "queries": (self.queries, self.dim),
            "places": (self.measured, self.depth),
        }
        return tables.get(column, (self.items,))


@dataclass(frozen=True)
class Seal:
    """A file as it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Everything that is known of a snapshot before its arrays are read."""

    about: About
    sizes: Sizes
    files: Mapping[str, Seal]  # by name, the manifest's own excepted


def encode(manifest: Manifest) -> bytes:
    """JSON that ends in a checksum of its own bytes.

    Raises:
        SnapshotRefused: nothing would read it again, so long is the model's name or the position.
    """
    fields = {"format": FORMAT, **asdict(manifest)}
    body = json.dumps(fields, indent=2).removesuffix("\n}").encode()
    data = body + b',\n  "checksum": "' + _BLANK + b'"\n}\n'
    if len(data) > LARGEST:
        raise SnapshotRefused(f"{NAME} would pass {LARGEST} bytes: shorten the model or position")
    start = data.rindex(_BLANK)
    return data[:start] + _digest(data).encode() + data[start + len(_BLANK) :]


def decode(data: bytes, path: Path) -> Manifest:
    """Read what `encode` wrote; `path` is only for the sentences.

    Raises:
        SnapshotRefused: the bytes are not those that were written, or of a newer format.
    """
    found = _CHECKSUM.search(data)
    if not found:
        raise SnapshotRefused(f"{path} does not end in its checksum: delete that damaged snapshot")
    start, end = found.span(1)
    if _digest(data[:start] + _BLANK + data[end:]).encode() != found.group(1):
        raise SnapshotRefused(f"{path} does not match its checksum: delete that damaged snapshot")
    try:
        fields = json.loads(data)
        _check_format(fields["format"], path)
        return _manifest(fields)
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise SnapshotRefused(
            f"{path} is intact, but not of the form of format {FORMAT}: delete that snapshot"
        ) from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_format(found: object, path: Path) -> None:
    if found == FORMAT:
        return
    age = "newer" if _whole(found) > FORMAT else "older"
    raise SnapshotRefused(
        f"{path} is of format {found}, {age} than the format {FORMAT} read here: "
        "load it with the version that wrote it, or build the index from the log"
    )


def _manifest(fields: Mapping[str, Any]) -> Manifest:
    about, sizes, files = fields["about"], fields["sizes"], fields["files"]
    return Manifest(
        about=About(**{name: _text(about[name]) for name in about}),
        sizes=Sizes(**{name: _whole(sizes[name]) for name in sizes}),
        files={name: Seal(_whole(seal["bytes"]), _sha256(seal)) for name, seal in files.items()},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _sha256(seal: Mapping[str, object]) -> str:
    found = _text(seal["sha256"])
    if not _SHA256.fullmatch(found):
        raise ValueError
    return found
