"""Writers that die, that have no room, and that are two: the folder is never in between."""

import random
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from index import snapshots
from index.snapshots import About
from tests.campaign import count
from tests.index.sample_contents import DIM, same, sample

MODEL = "m" * 64
ROOT = Path(__file__).parents[2]
N = 2000

WRITE = f"""
import pathlib, sys
from index import snapshots
from tests.index.sample_contents import sample
folder, first, last = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for seed in range(first, last):
    print(snapshots.write(folder, sample(seed, {N}), snapshots.About({MODEL!r}, str(seed))).name)
    sys.stdout.flush()
"""


def writer(folder: Path, first: int, last: int, before: str = "") -> subprocess.Popen[str]:
    """A process that writes one snapshot after another, and prints their names."""
    command = [sys.executable, "-c", before + WRITE, str(folder), str(first), str(last)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def whole(folder: Path) -> int:
    """Read the newest snapshot, which must be sound, and return its seed."""
    loaded = snapshots.read(folder, dim=DIM, model=MODEL)
    seed = int(loaded.about.position)
    assert loaded.refused == ()
    assert same(loaded.contents, sample(seed, N))
    return seed


def test_kill_9_in_mid_write_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    rng = random.Random(5)
    for round_ in range(count(5, 50)):
        first = 1000 * round_
        with writer(tmp_path, first, first + 1000) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.2))
            process.kill()
            printed = process.stdout.read().split()
            acknowledged = first + len(printed)
        assert acknowledged <= whole(tmp_path) <= acknowledged + 1
        for snapshot in sorted(tmp_path.glob("0*"), reverse=True):
            whole(tmp_path)
            shutil.rmtree(snapshot)
        assert len(list(tmp_path.glob(".partial-*"))) <= 2  # being written, being removed
    snapshots.write(tmp_path, sample(7, N), About(MODEL, "7"))
    assert whole(tmp_path) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["000000000001"]


def test_two_writers_at_once_lose_nothing_to_each_other(tmp_path: Path) -> None:
    snapshots.write(tmp_path, sample(0, N), About(MODEL, "0"))
    with writer(tmp_path, 100, 110) as one, writer(tmp_path, 200, 210) as other:
        while one.poll() is None or other.poll() is None:
            whole(tmp_path)
        assert one.stdout
        assert other.stdout
        names = one.stdout.read().split() + other.stdout.read().split()
    assert one.returncode == other.returncode == 0
    assert sorted(names) == [f"{number:012d}" for number in range(2, 22)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)[-3:]
    assert whole(tmp_path) in {109, 209}


def test_what_is_removed_as_it_is_read_is_passed_over_for_what_replaced_it(tmp_path: Path) -> None:
    small = sample(1, n=0, dim=1000)
    large = replace(sample(1, n=40_000, dim=1), codes=np.zeros((40_000, 1000), dtype=np.float16))
    kept = {name: getattr(small, name) for name in ("centroids", "spreads", "metric", "queries")}
    large = replace(large, **kept)
    snapshots.write(tmp_path, large, About(MODEL, "large"))  # 80 MB: read longer than it takes

    def replace_all() -> None:
        for number in range(snapshots.KEPT):
            snapshots.write(tmp_path, small, About(MODEL, f"small {number}"))

    writing = threading.Thread(target=replace_all)
    writing.start()
    while writing.is_alive():
        assert snapshots.read(tmp_path, dim=1000, model=MODEL).refused == ()
    writing.join()
    assert snapshots.read(tmp_path, dim=1000, model=MODEL).about.position == "small 2"


def test_a_writer_at_work_is_not_swept_away_as_a_dead_one_is(tmp_path: Path) -> None:
    dead = tmp_path / ".partial-0123456789abcdef"
    dead.mkdir()
    (dead / "codes.f16").write_bytes(b"half of them")
    with writer(tmp_path, 100, 105) as process:
        for seed in range(5):
            snapshots.write(tmp_path, sample(seed, N), About(MODEL, str(seed)))
        _, complaint = process.communicate()
    assert (process.returncode, complaint) == (0, "")
    assert not dead.exists()


def test_a_leftover_that_cannot_be_removed_keeps_nobody_from_writing(tmp_path: Path) -> None:
    (tmp_path / ".partial-file").write_bytes(b"")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".partial-link").symlink_to(tmp_path / "elsewhere")
    snapshots.write(tmp_path, sample(1, N), About(MODEL, "1"))
    assert whole(tmp_path) == 1


def test_without_room_nothing_is_left_behind_and_nothing_is_lost(tmp_path: Path) -> None:
    snapshots.write(tmp_path, sample(1, N), About(MODEL, "1"))
    before = sorted(tmp_path.rglob("*"))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
    with writer(tmp_path, 2, 3, before=limit) as process:
        printed, complaint = process.communicate()
    assert (process.returncode, printed) == (1, "")
    assert complaint.splitlines()[-1] == (
        f"index.errors.SnapshotError: {tmp_path} takes no snapshot (File too large): "
        "give it room and write access"
    )
    assert sorted(tmp_path.rglob("*")) == before
    assert whole(tmp_path) == 1
