"""Makes today's golden bundle: a tiny COUPLE that has learned six tastes from made-up users.

    python -m tests.golden.make tests/golden/bundle_items

Its user tower reads item ids. `tests/golden/bundle` was made before there were any and is never
made again: bundles of that kind must keep loading.

Every taste has products (source) and videos (target); users stay with one or two tastes, so one
who buys woks is shown street food. Small enough to commit, real enough to read.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from exporter import export
from service.towers import OnnxTowers
from tests.golden.tastes import TASTES
from trainer.config import Config
from trainer.train import train

ITEMS_PER_TASTE = 40
USERS = 1200
SETTINGS = (
    "dim=8", "heads=2", "tree=4,16", "leaves=4", "max_tags=6", "batch=128", "epochs=4",
    "dropout=0", "warmup=20", "threads=1", "split=cold", "factors=7", "loudness=2",
)  # fmt: skip


def write_data(folder: Path, users: int = USERS) -> None:
    """Write a prepared data folder of products and videos."""
    rng = np.random.default_rng(7)
    items = []
    for taste, (products, videos) in TASTES.items():
        for domain, names in (("product", products.split(",")), ("video", videos.split(","))):
            for number in range(ITEMS_PER_TASTE):
                tags = rng.permutation(names)[: rng.integers(2, 5)].tolist()
                items.append((f"{domain}-{taste}-{number:02}", domain, tags))
    rows = [row for user in range(users) for row in _history(f"u{user:04}", rng)]
    folder.mkdir(parents=True, exist_ok=True)
    names = ["item_id", "domain", "tags"]
    pl.DataFrame(items, schema=names, orient="row").write_parquet(folder / "items.parquet")
    names = ["user_id", "item_id", "domain", "timestamp"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    table.write_parquet(folder / "interactions.parquet")
    text = json.dumps({"name": "golden", "target_domain": "video", "notes": "made up"})
    (folder / "dataset.json").write_text(text)


def _history(user: str, rng: np.random.Generator) -> list[tuple[str, str, str, int]]:
    """Some products, then some videos, of the user's one or two tastes."""
    tastes = rng.permutation(list(TASTES))[: rng.integers(1, 3)]
    domains = ["product"] * int(rng.integers(3, 8)) + ["video"] * int(rng.integers(2, 6))
    found = []
    for time, domain in enumerate(domains):
        taste, number = rng.choice(tastes), rng.integers(ITEMS_PER_TASTE)
        found.append((user, f"{domain}-{taste}-{number:02}", domain, time))
    return found


def make(out: Path) -> None:
    """Train and export into `out`."""
    with tempfile.TemporaryDirectory() as temporary:
        data, checkpoint = Path(temporary) / "data", Path(temporary) / "checkpoint"
        write_data(data)
        train(data, checkpoint, Config.with_overrides(SETTINGS), progress=False)
        export(checkpoint, out, OnnxTowers)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
