"""Made-up users of six tastes, as a prepared folder; apart, so that writing it needs no exporter.

Every taste has products (source) and videos (target); users stay with one or two tastes, so one
who buys woks is shown street food.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl

from tests.golden.tastes import TASTES

ITEMS_PER_TASTE = 40
USERS = 1200


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
