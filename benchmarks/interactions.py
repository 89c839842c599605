"""Memory and time to prepare and to train on a given number of made-up interactions.

    python benchmarks/interactions.py [INTERACTIONS] [--folder F] [--processes P] [--set K=V …]

A user has 20 interactions, an item 100, and 1-5 tags of 50,000 by Zipf's law; the raw files are
those of anybody's own Parquet, in no order but that of time. Each command runs in a process of its
own, or training in several; the peak is the kernel's count, of the largest process. Training takes
STEPS steps, without a split: memory is what is asked, and steps cost the same however many
interactions there are (benchmarks/train.py). What is fitted to all interactions before and after
them (tag vectors, factors) is left out, unless `--set` asks for it.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.train import _zipf

PART, TAGS, STEPS = 5_000_000, 50_000, 300
BATCH = 512
CHILD = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def write_raw(folder: Path, count: int) -> None:
    """`items.parquet` and `interactions.parquet`, part by part: memory does not grow with them."""
    rng = np.random.default_rng(0)
    users, items = max(1, count // 20), max(1, count // 100)
    write_items(folder / "items.parquet", items, rng)
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        for start in range(0, count, PART):
            size = min(PART, count - start)
            part = pl.DataFrame({
                "user": rng.integers(0, users, size),
                "item": _zipf(rng, items, size) - 1,
                "timestamp": np.arange(start, start + size),
            })  # fmt: skip
            ids = [
                pl.format(f"{name[0]}{{}}", name).alias(f"{name}_id") for name in ("user", "item")
            ]
            part.select(*ids, "timestamp").write_parquet(Path(aside) / f"{start:012}.parquet")
        parts = pl.scan_parquet(Path(aside) / "*.parquet")
        parts.sink_parquet(folder / "interactions.parquet", maintain_order=True)


def write_items(path: Path, count: int, rng: np.random.Generator) -> None:
    """Every other item is a video."""
    lengths = rng.integers(1, 6, count)
    tags = pl.Series("tag", _zipf(rng, TAGS, int(lengths.sum())))
    rows = pl.DataFrame({"item": np.repeat(np.arange(count), lengths), "tag": tags})
    named = rows.select("item", pl.format("tag {}", "tag").alias("tag"))
    table = named.group_by("item", maintain_order=True).agg(pl.col("tag").unique().alias("tags"))
    domain = pl.when(pl.col("item") % 2 == 0).then(pl.lit("video")).otherwise(pl.lit("product"))
    columns = pl.format("i{}", "item").alias("item_id"), domain.alias("domain"), "tags"
    table.select(columns).write_parquet(path)


def measured(processes: int, *command: str) -> tuple[float, float]:
    """Seconds and peak gigabytes (10⁹), of the largest process, of a command."""
    began = time.perf_counter()
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    run = [sys.executable, *(launch if processes > 1 else ()), "-m", "couple", *command]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *run], check=True, capture_output=True, text=True
    )
    peak = int(done.stdout.split()[-1]) * 1024
    return time.perf_counter() - began, peak / 1e9


def measure(folder: Path, count: int, processes: int, settings: list[str]) -> None:
    """Prepare, train, print."""
    raw, data = folder / "raw", folder / "data"
    raw.mkdir(parents=True, exist_ok=True)
    if not (raw / "interactions.parquet").exists():
        write_raw(raw, count)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    print("\n| interactions | | seconds | peak GB |\n| --- | --- | --- | --- |")
    prepare = "data", "parquet", str(raw), "--out", str(data), "--target", "video"
    epochs = f"epochs={STEPS * BATCH / count}"
    options = [epochs, f"batch={BATCH}", "factors=0", "tag_init=random", *settings]
    train = (
        "train", "--data", str(data), "--out", str(folder / "checkpoint"), "--split", "none",
        "--restart", *(part for option in options for part in ("--set", option)),
    )  # fmt: skip
    for name, of, command in (("prepare", 1, prepare), ("train", processes, train)):
        seconds, peak = measured(of, *command)
        name += f" in {of} processes" if of > 1 else ""
        print(f"| {count:,} | {name} | {seconds:.0f} | {peak:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("interactions", type=float, nargs="?", default=1e7)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        folder = given.folder or Path(aside)
        measure(folder, int(given.interactions), given.processes, given.set)


if __name__ == "__main__":
    main()
