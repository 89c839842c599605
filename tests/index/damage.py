"""Ways in which a snapshot goes bad: by accident, and with every checksum right."""

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

from index import snapshot_manifest as m
from index.snapshot_manifest import Manifest, Seal

Damage = Callable[[Path, Path, Random], object]  # of a snapshot, beside another one

CHECKSUM = re.compile(rb'"checksum": "([0-9a-f]{64})"')
TERABYTE = 1 << 40


def _any_file(snapshot: Path, rng: Random) -> Path:
    return snapshot / rng.choice(sorted({*m.FILES, m.NAME}))


def flip_a_bit(snapshot: Path, _: Path, rng: Random) -> None:
    path = _any_file(snapshot, rng)
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def scramble_a_stretch(snapshot: Path, _: Path, rng: Random) -> None:
    """As many bytes as there were, some of them others."""
    path = _any_file(snapshot, rng)
    data = bytearray(path.read_bytes())
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.randint(1, 64))
    data[start:stop] = bytes(byte ^ rng.randint(1, 255) for byte in data[start:stop])
    path.write_bytes(data)


def zero_a_file(snapshot: Path, _: Path, rng: Random) -> None:
    path = _any_file(snapshot, rng)
    path.write_bytes(bytes(path.stat().st_size))


def truncate(snapshot: Path, _: Path, rng: Random) -> None:
    path = _any_file(snapshot, rng)
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def empty(snapshot: Path, _: Path, rng: Random) -> None:
    _any_file(snapshot, rng).write_bytes(b"")


def append(snapshot: Path, _: Path, rng: Random) -> None:
    with _any_file(snapshot, rng).open("ab") as file:
        file.write(rng.choice([b"\n", b"\0", rng.randbytes(rng.randint(1, 5000))]))


def inflate(snapshot: Path, _: Path, rng: Random) -> None:
    """A hole that takes no disk, and would take all memory."""
    with _any_file(snapshot, rng).open("r+b") as file:
        file.truncate(TERABYTE)


def delete(snapshot: Path, _: Path, rng: Random) -> None:
    _any_file(snapshot, rng).unlink()


def delete_all(snapshot: Path, _: Path, rng: Random) -> None:
    for path in snapshot.iterdir():
        path.unlink()


def swap_with_another(snapshot: Path, other: Path, rng: Random) -> None:
    path = _any_file(snapshot, rng)
    path.write_bytes((other / path.name).read_bytes())


def swap_two_files(snapshot: Path, _: Path, rng: Random) -> None:
    one, two = (snapshot / name for name in rng.sample(sorted({*m.FILES, m.NAME}), 2))
    kept = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(kept)


def add_a_file(snapshot: Path, _: Path, rng: Random) -> None:
    (snapshot / rng.choice(["codes.f16~", ".lock", "a"])).write_bytes(b"")


def link_a_file(snapshot: Path, _: Path, rng: Random) -> None:
    path = _any_file(snapshot, rng)
    target = path.rename(snapshot.with_name("elsewhere"))
    path.symlink_to(target)


def link_the_snapshot(snapshot: Path, _: Path, rng: Random) -> None:
    snapshot.symlink_to(snapshot.rename(snapshot.with_name("elsewhere")))


def put_a_folder_in_place_of_a_file(snapshot: Path, _: Path, rng: Random) -> None:
    path = _any_file(snapshot, rng)
    path.unlink()
    path.mkdir()


def put_a_file_in_place_of_the_snapshot(snapshot: Path, _: Path, rng: Random) -> None:
    shutil.rmtree(snapshot)
    snapshot.write_bytes(b"")


def sealed(data: bytes) -> bytes:
    """A manifest with the checksum that its other bytes ask for."""
    blank = CHECKSUM.sub(b'"checksum": "' + b"0" * 64 + b'"', data)
    checksum = hashlib.sha256(blank).hexdigest().encode()
    return CHECKSUM.sub(b'"checksum": "' + checksum + b'"', data)


def rewrite_manifest(snapshot: Path, old: bytes, new: bytes) -> None:
    """Replace some bytes of the manifest, and make its checksum right."""
    path = snapshot / m.NAME
    data = path.read_bytes()
    assert old in data
    path.write_bytes(sealed(data.replace(old, new, 1)))


def rewrite(snapshot: Path, name: str, data: bytes) -> None:
    """Replace a file, and make every checksum right."""
    (snapshot / name).write_bytes(data)
    manifest = manifest_of(snapshot)
    seal = Seal(len(data), hashlib.sha256(data).hexdigest())
    save_manifest(snapshot, replace(manifest, files={**manifest.files, name: seal}))


def manifest_of(snapshot: Path) -> Manifest:
    return m.decode((snapshot / m.NAME).read_bytes(), snapshot)


def save_manifest(snapshot: Path, manifest: Manifest) -> None:
    (snapshot / m.NAME).write_bytes(m.encode(manifest))


def lie_about_a_size(snapshot: Path, _: Path, rng: Random) -> None:
    """Every checksum is right; the numbers are not."""
    manifest = manifest_of(snapshot)
    name = rng.choice(["items", "dim", "lists", "queries", "profiles"])
    size = rng.choice([0, 1, 2, 1000, TERABYTE, 1 << 80])
    save_manifest(snapshot, replace(manifest, sizes=replace(manifest.sizes, **{name: size})))


def break_the_form_of_the_manifest(snapshot: Path, _: Path, rng: Random) -> None:
    """Every checksum is right; something is of the wrong kind."""
    old, new = rng.choice(
        [
            (b'"format": 2', b'"format": "one"'),
            (b'"format": 2', b'"format": null'),
            (b'"format": 2', b'"form": 2'),
            (b'"about": {', b'"about": [], "was": {'),
            (b'"sizes": {', b'"sizes": null, "was": {'),
            (b'"files": {', b'"files": [], "was": {'),
            (b'"items": ', b'"items": -'),
            (b'"items": ', b'"items": true, "was": '),
            (b'"items": ', b'"items": ' + b"9" * 5000),
            (b'"position": ', b'"place": '),
            (b'"position": ', b'"position": 7, "was": '),
            (b'"codes.f16": {', b'"../codes.f16": {'),
            (b'"bytes": ', b'"bytes": 1.5, "was": '),
            (b'"sha256": "', b'"sha256": "Z'),
            (b"{", b"["),
            (b"{", b"{" + b'"deep": ' + b"[" * 100_000 + b"]" * 100_000 + b","),
            (b"{", b'{"\xff": 0,'),
        ]
    )
    rewrite_manifest(snapshot, old, new)


def spoil_a_number(snapshot: Path, _: Path, rng: Random) -> None:
    """Every checksum is right; one number is none that an index can work with."""
    name, value = rng.choice(
        [
            ("codes.f16", np.nan),
            ("codes.f16", np.inf),
            ("codes.f16", -np.inf),
            ("centroids.f32", np.nan),
            ("spreads.f32", np.nan),
            ("metric.f32", np.inf),
            ("queries.f32", -np.inf),
            ("published.f64", np.nan),
            ("expires.f64", np.nan),
            ("profiles.i32", 4),
            ("profiles.i32", -1),
            ("lists.i32", 3),
            ("lists.i32", -(1 << 31)),
        ]
    )
    array = np.fromfile(snapshot / name, m.ARRAYS[name])
    array[rng.randrange(len(array))] = value
    rewrite(snapshot, name, array.tobytes())


def spoil_the_strings(snapshot: Path, _: Path, rng: Random) -> None:
    """Every checksum is right; the strings are not what their numbers say."""
    name, text = rng.choice(
        [
            (m.IDS, ["", "null", "{}", '"v"', "[", "[]", "\xff", "[" * 100_000]),
            (m.IDS, [f"[{', '.join(['1'] * 40)}]", f"[{', '.join(['[]'] * 40)}]"]),
            (m.IDS, [str([f"v{number % 39}" for number in range(40)]).replace("'", '"')]),
            (m.TABLE, ["", "null", "{}", "[", "[]", "[1, 2, 3, 4]", "[{}, {}, {}, {}]"]),
            (m.TABLE, ['["ab", "ab", "ab", "ab"]', '[["ab"], [], [], []]', "[[[]], [], [], []]"]),
            (m.TABLE, ["[[], [], [], []]", '[[["a", "b"]], [], [["a", "b"]], [["c", "d"]]]']),
            (m.TABLE, ['[[["a", 1]], [], [], []]', '[[["a", "b", "c"]], [], [], []]']),
        ]
    )
    rewrite(snapshot, name, rng.choice(text).encode("latin-1"))


def cut_a_column(snapshot: Path, _: Path, rng: Random) -> None:
    """Every checksum is right; a row or part of one is gone."""
    name = rng.choice(sorted(m.ARRAYS))
    rewrite(snapshot, name, (snapshot / name).read_bytes()[: -rng.randint(1, 16)])


KINDS: tuple[Damage, ...] = (
    flip_a_bit,
    scramble_a_stretch,
    zero_a_file,
    truncate,
    empty,
    append,
    inflate,
    delete,
    delete_all,
    swap_with_another,
    swap_two_files,
    add_a_file,
    link_a_file,
    link_the_snapshot,
    put_a_folder_in_place_of_a_file,
    put_a_file_in_place_of_the_snapshot,
    lie_about_a_size,
    break_the_form_of_the_manifest,
    spoil_a_number,
    spoil_the_strings,
    cut_a_column,
)
