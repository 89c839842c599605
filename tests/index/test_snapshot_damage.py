"""No damaged snapshot is taken for a sound one, and none takes the process down."""

import json
import os
import random
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from index import snapshots
from index.errors import SnapshotError, SnapshotRefused
from index.snapshots import About
from tests.campaign import count
from tests.index import damage
from tests.index.sample_contents import DIM, same, sample

MODEL = "m" * 64
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two snapshots; in the older one lie contents 1, in the newer one contents 2."""
    folder = tmp_path_factory.mktemp("pair")
    for seed in (1, 2):
        snapshots.write(folder, sample(seed), About(MODEL, f"at {seed}"))
    return folder


@pytest.mark.parametrize("seed", range(count(50, 500)))
def test_a_damaged_snapshot_is_refused_for_the_one_before_it(
    pair: Path, tmp_path: Path, seed: int
) -> None:
    older, newer = sorted(shutil.copytree(pair, tmp_path / "damaged").iterdir())
    damage.KINDS[seed % len(damage.KINDS)](newer, older, random.Random(seed))
    loaded = snapshots.read(newer.parent, dim=DIM, model=MODEL)
    assert (loaded.path, loaded.about.position) == (older, "at 1")
    assert same(loaded.contents, sample(1))
    (sentence,) = loaded.refused
    assert sentence.startswith(str(newer))


def test_a_pipe_is_not_waited_for(pair: Path, tmp_path: Path) -> None:
    older, newer = sorted(shutil.copytree(pair, tmp_path / "damaged").iterdir())
    (newer / "manifest.json").unlink()
    os.mkfifo(newer / "manifest.json")
    loaded = snapshots.read(newer.parent, dim=DIM, model=MODEL)
    assert loaded.path == older
    assert "manifest.json is not a regular file" in loaded.refused[0]


def test_an_id_is_not_read_twice(pair: Path, tmp_path: Path) -> None:
    older, newer = sorted(shutil.copytree(pair, tmp_path / "damaged").iterdir())
    ids = sample(2).ids
    damage.rewrite(newer, "ids.json", json.dumps([*ids[:-1], ids[0]]).encode())
    loaded = snapshots.read(newer.parent, dim=DIM, model=MODEL)
    assert loaded.path == older
    assert "ids.json is intact, but names an id twice" in loaded.refused[0]


def test_every_byte_of_a_manifest_counts(pair: Path, tmp_path: Path) -> None:
    older, newer = sorted(shutil.copytree(pair, tmp_path / "damaged").iterdir())
    manifest = newer / "manifest.json"
    data = manifest.read_bytes()
    for place in range(0, len(data), count(17, 1)):
        manifest.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert snapshots.read(newer.parent, dim=DIM, model=MODEL).path == older


def test_where_all_are_damaged_the_error_names_each_of_them(pair: Path, tmp_path: Path) -> None:
    older, newer = sorted(shutil.copytree(pair, tmp_path / "damaged").iterdir())
    (older / "codes.f16").unlink()
    (newer / "lists.i32").write_bytes(b"")
    with pytest.raises(SnapshotRefused) as refusal:
        snapshots.read(newer.parent, dim=DIM, model=MODEL)
    assert f"{older / 'codes.f16'} is missing" in str(refusal.value)
    assert f"{newer / 'lists.i32'} has 0 bytes, not the 160 written" in str(refusal.value)


@pytest.mark.parametrize("name", ["codes.f16", "ids.json", "manifest.json"])
def test_a_file_of_a_terabyte_takes_no_memory(pair: Path, tmp_path: Path, name: str) -> None:
    older, newer = sorted(shutil.copytree(pair, tmp_path / "damaged").iterdir())
    os.truncate(newer / name, damage.TERABYTE)
    tracemalloc.start()
    assert snapshots.read(newer.parent, dim=DIM, model=MODEL).path == older
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_snapshot_larger_than_the_memory_is_refused(pair: Path, tmp_path: Path) -> None:
    _, newer = sorted(shutil.copytree(pair, tmp_path / "damaged").iterdir())
    size, huge = (newer / "ids.json").stat().st_size, 1 << 35
    os.truncate(newer / "ids.json", huge)
    entry = '"ids.json": {\n      "bytes": '
    damage.rewrite_manifest(newer, f"{entry}{size},".encode(), f"{entry}{huge},".encode())
    code = (
        "import pathlib, resource, sys; from index import snapshots;"
        f"resource.setrlimit(resource.RLIMIT_AS, ({1 << 33}, {1 << 33}));"
        f"loaded = snapshots.read(pathlib.Path(sys.argv[1]), dim={DIM}, model={MODEL!r});"
        "print(loaded.about.position, loaded.refused)"
    )
    command = [sys.executable, "-c", code, str(newer.parent)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed == f"at 1 ('{newer} is larger than the memory: give the process more',)\n"


def test_contents_that_contradict_themselves_are_not_written(tmp_path: Path) -> None:
    contents = sample(1)
    contents.lists[7] = 3
    with pytest.raises(SnapshotError, match="lists holds a number outside 0 to 2"):
        snapshots.write(tmp_path, contents, About(MODEL, ""))
    assert not list(tmp_path.iterdir())
