"""What a report costs over ten million events: seconds and memory of the command itself.

A seeded folder is made as `couple events drain` leaves it: answers of 20 candidates in two arms
over two weeks, the first ten of each shown, a tenth of these clicked. Then `couple experiments
report --aa` reads it in a process of its own.

    python benchmarks/report.py [EVENTS]
"""

import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from couple.drained import EVENTS, LOCK, RECOMMENDATIONS
from couple.entries import EVENTS as EVENT_COLUMNS
from couple.entries import RECOMMENDATIONS as RECOMMENDATION_COLUMNS
from couple.entries import StreamId

USERS, ITEMS, DAYS = 200_000, 100_000, 14
CANDIDATES, SHOWN, CTR = 20, 10, 0.1
ANSWERS = 4500  # of a batch: about as many entries as the drain puts into one
BEGAN_MS = 1_764_000_000_000
DAY_MS = 86_400_000
OLDEST_MS = 30 * DAY_MS  # before the beginning
GOAL_S, GOAL_MB = 60.0, 2000.0
NAME = "couple-vs-youtube"


def fill(folder: Path, events: int) -> int:
    """Write batches until they hold so many events; return how many they hold."""
    rng = np.random.default_rng(1)
    (folder / LOCK).touch()
    published_s = (BEGAN_MS - rng.integers(OLDEST_MS, size=ITEMS)) / 1000
    batches = max(1, round(events / (ANSWERS * SHOWN * (1 + CTR))))
    return sum(_batch(folder, rng, published_s, place, batches) for place in range(batches))


def _batch(
    folder: Path,
    rng: np.random.Generator,
    published_s: NDArray[np.float64],
    place: int,
    batches: int,
) -> int:
    """Write the answers of one stretch of time, and what was told of them."""
    first = BEGAN_MS + place * DAYS * DAY_MS // batches
    last = BEGAN_MS + (place + 1) * DAYS * DAY_MS // batches - 1
    day = StreamId(first, 0).day
    made = folder / f"day={day}" / f"{StreamId(first, 0)}_{StreamId(last, 0)}"
    made.mkdir(parents=True)
    users = rng.integers(USERS, size=ANSWERS)
    steps = rng.integers(1, ITEMS // CANDIDATES, (ANSWERS, 1)) * np.arange(CANDIDATES)
    items = (rng.integers(ITEMS, size=(ANSWERS, 1)) + steps) % ITEMS  # no item twice
    asked_ms = np.sort(rng.integers(first, last, ANSWERS))
    requests = [f"r{place * ANSWERS + n:09}" for n in range(ANSWERS)]
    _save(_answers(asked_ms, users, items, published_s, requests), made / RECOMMENDATIONS)
    told = _told(rng, asked_ms, users, items, requests)
    _save(told, made / EVENTS)
    return len(told)


def _answers(
    asked_ms: NDArray[np.int64],
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    published_s: NDArray[np.float64],
    requests: list[str],
) -> pl.DataFrame:
    shown = pl.DataFrame(
        {
            "row": np.repeat(np.arange(len(users)), CANDIDATES),
            "item_id": _named("v", items.ravel()),
            "channel": np.tile(np.array(["model", "author"]), items.size // 2),
            "published_at": published_s[items.ravel()],
        }
    )
    one = pl.struct("item_id", "channel", "published_at").alias("candidates")
    candidates = shown.group_by("row", maintain_order=True).agg(one)["candidates"]
    arms = np.array(["control", "treatment"])[users % 2].tolist()
    places = [[{"experiment": NAME, "arm": arm, "bucket": 1, "forced": False}] for arm in arms]
    return _arrived(asked_ms, 0).with_columns(
        request_id=pl.Series(requests),
        user_id=_named("u", users),
        time=pl.Series(asked_ms / 1000),
        version=pl.lit("9f3c"),
        sequence=pl.lit("store.1-0"),
        experiments=pl.Series(places, dtype=RECOMMENDATION_COLUMNS["experiments"]),
        candidates=candidates,
    )


def _told(
    rng: np.random.Generator,
    asked_ms: NDArray[np.int64],
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    requests: list[str],
) -> pl.DataFrame:
    """An impression of each item shown, and a click on some: the treatment's a tenth more."""
    shown = np.repeat(np.arange(len(users)), SHOWN)
    lift = 1 + 0.1 * (users[shown] % 2)
    clicked = np.flatnonzero(rng.random(len(shown)) < CTR / 1.05 * lift)
    rows = np.concatenate([shown, shown[clicked]])
    names = _named("v", items[:, :SHOWN].ravel())
    arrived = asked_ms[rows] + 1000
    nothing = pl.lit(None, pl.String())
    return _arrived(arrived, 1).with_columns(
        user_id=_named("u", users[rows]),
        item_id=pl.concat([names, names.gather(clicked)]),
        type=pl.Series(["impression"] * len(shown) + ["click"] * len(clicked)),
        time=pl.Series(arrived / 1000),
        tags=pl.lit(["street food", "night market", "noodles"]),
        title=nothing,
        domain=pl.lit("micro-video"),
        event_id=nothing,
        request_id=pl.Series(requests).gather(rows),
        author_id=nothing,
    )


def _arrived(moments_ms: NDArray[np.int64], number: int) -> pl.DataFrame:
    moments = pl.Series(moments_ms)
    return pl.DataFrame(
        {"stream_id": moments.cast(pl.String) + f"-{number}",
         "arrived": moments.cast(pl.Datetime("ms", "UTC"))}
    )  # fmt: skip


def _named(letter: str, numbers: NDArray[np.int64]) -> pl.Series:
    return pl.Series(numbers).cast(pl.String).str.zfill(8).str.replace("^", letter)


def _save(table: pl.DataFrame, path: Path) -> None:
    columns = EVENT_COLUMNS if path.name == EVENTS else RECOMMENDATION_COLUMNS
    table.select(list(columns)).cast(pl.Schema(columns)).write_parquet(path, compression="zstd")


def reported(folder: Path) -> tuple[float, float, str]:
    """Seconds and peak MB of `couple experiments report`, and what it printed."""
    options = [NAME, "--data", str(folder), "--control", "control", "--aa"]
    began = time.perf_counter()
    out = subprocess.run(
        [sys.executable, "-m", "couple", "experiments", "report", *options],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    seconds = time.perf_counter() - began
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, out


def main() -> None:
    """Fill a folder, report on it, print the row."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory(prefix="couple-") as temporary:
        events = fill(Path(temporary), wanted)
        seconds, megabytes, out = reported(Path(temporary))
    print(out)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    print("| events | seconds | goal | peak MB | goal |\n| --- | --- | --- | --- | --- |")
    print(f"| {events:,} | {seconds:.1f} | ≤ {GOAL_S:.0f} | {megabytes:,.0f} | ≤ {GOAL_MB:,.0f} |")


if __name__ == "__main__":
    main()
