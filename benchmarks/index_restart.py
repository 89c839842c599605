"""How soon a snapshot answers in a new process, and what a rebuild costs beside searches.

python -m benchmarks.index_restart FOLDER    # a process that loads; used by the parent below
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np

from benchmarks.catalogue import DIM, NOW, World
from benchmarks.index_churn import slower
from benchmarks.index_stage import Options, Stage
from benchmarks.index_table import Row, time_of
from benchmarks.index_traffic import Clock, Traffic, p99
from benchmarks.yardsticks import K
from index import ItemIndex

COLD, REBUILT = 2.0, 30.0  # seconds
CORES = 1.15  # of the machine's, which a rebuild may keep busy
MODEL, POSITION = "made up", "1-0"
QUIET, MOST_REBUILDS = 4.0, 3
LIMIT = 600.0  # seconds after which a rebuild is taken to hang


def restart(stage: Stage) -> Iterator[Row]:
    """Snapshot, cold start, rebuild."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        stage.index.save(Path(folder), model=MODEL, position=POSITION)
        saved = time.perf_counter() - began
        yield _cold(stage.options, Path(folder), saved)
    yield from _rebuilds(stage)


def _cold(options: Options, folder: Path, saved: float) -> Row:
    found = [_loaded(folder) for _ in range(options.rounds)]
    seconds = float(np.median(found))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    ours = f"{time_of(seconds)} for {size / 1e6:.0f} MB (saved in {time_of(saved)})"
    name = "load and first search in a new process, page cache cold"
    return Row(name, ours, target=f"≤ {COLD:g} s", met=seconds <= COLD)


def _loaded(folder: Path) -> float:
    """Seconds, without Python's own start and its imports."""
    for path in filter(Path.is_file, folder.rglob("*")):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    command = [sys.executable, "-m", "benchmarks.index_restart", str(folder)]
    root = Path(__file__).parent.parent
    out = subprocess.run(command, capture_output=True, check=True, text=True, cwd=root)
    return float(out.stdout)


def _rebuilds(stage: Stage) -> Iterator[Row]:
    traffic = Traffic(stage.index, stage.queries, Clock(), np.random.default_rng(6))
    traffic.run(1.0)
    quiet, busy, seconds, cores = [], [], [], []
    for _ in range(min(stage.options.rounds, MOST_REBUILDS)):
        quiet.append(p99(traffic.run(QUIET)))
        slow, took, used = _rebuild(stage.index, traffic)
        busy.append(slow)
        seconds.append(took)
        cores.append(used)
    took, used = float(np.median(seconds)), float(np.median(cores))
    name = f"full rebuild of {len(stage.items):,} items beside searches"
    ours, target = f"{time_of(took)} on {used:.2f} cores", f"≤ {REBUILT:g} s on one core"
    yield Row(name, ours, target=target, met=took <= REBUILT and used <= CORES)
    calm, slow = float(np.median(quiet)), float(np.median(busy))
    yield slower("search p99 during a rebuild", slow, calm)


def _rebuild(index: ItemIndex, traffic: Traffic) -> tuple[float, float, float]:
    """p99 of the searches meanwhile, seconds, and cores that it kept busy beside them."""
    done = Event()
    began, mine, all_ = time.perf_counter(), time.thread_time(), time.process_time()
    with ThreadPoolExecutor(1) as beside:
        work = beside.submit(index.rebuild)
        work.add_done_callback(lambda _: done.set())
        answers = traffic.run(LIMIT, done)
        work.result()
    seconds = time.perf_counter() - began
    used = time.process_time() - all_ - (time.thread_time() - mine)
    return p99(answers), seconds, used / seconds


def main() -> None:
    query = World().users(np.random.default_rng(7), 1)[0]
    began = time.perf_counter()
    restored = ItemIndex.load(Path(sys.argv[1]), DIM, model=MODEL)
    ids, _ = restored.index.search(query[None, None], K, now=NOW)
    print(time.perf_counter() - began)
    assert len(ids[0]) == min(K, len(restored.index))
    assert restored.position == POSITION


if __name__ == "__main__":
    main()
