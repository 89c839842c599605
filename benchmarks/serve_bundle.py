"""Makes a bundle of full size for `benchmarks/serve.py`, from made-up users in about a minute.

What it has learned is worth little; its vocabulary, its towers and its vectors have the size and
the inputs of a real one, which is all that a benchmark of speed asks.

    python -m benchmarks.serve_bundle FOLDER [--tags T] [--set key=value …]

The default is COUPLE as it is trained by default; `--set factors=0` has a user tower without item
ids and vectors of 64 dimensions. Shapes: T tags, V items.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.catalogue import zipf
from exporter import export
from service.towers import OnnxTowers
from trainer.config import Config
from trainer.train import train

TAGS = 20_000
ITEMS_A_TAG, TAGS_OF_AN_ITEM = 2, 8
USERS, EVENTS = 4_000, 20
TOPIC = 50  # tags, and as many items for each ITEMS_A_TAG
OWN = 0.8  # share of an item's tags that are of its topic
SHORT = ("epochs=1", "split=none", "min_tag_count=1")


def write_data(folder: Path, tags: int) -> None:
    """A prepared data folder: users who stay with two topics, in two domains."""
    rng = np.random.default_rng(11)
    topics = max(1, tags // TOPIC)
    topic_V = np.arange(tags * ITEMS_A_TAG) % topics
    shape = (len(topic_V), TAGS_OF_AN_ITEM)
    topic_VN = np.where(rng.random(shape) < OWN, topic_V[:, None], rng.integers(topics, size=shape))
    tags_VN = (zipf(rng, TOPIC, shape) * topics + topic_VN).tolist()
    rows = [
        (
            f"i{n}",
            "video" if n // topics % 2 else "product",
            [f"tag{t}" for t in dict.fromkeys(row)],
        )
        for n, row in enumerate(tags_VN)
    ]
    events = [row for user in range(USERS) for row in _events(user, rng, topics, len(rows))]
    folder.mkdir(parents=True)
    items = pl.DataFrame(rows, schema=["item_id", "domain", "tags"], orient="row")
    items.write_parquet(folder / "items.parquet")
    domain_of = dict(zip(items["item_id"], items["domain"], strict=True))
    names = ["user_id", "item_id", "domain", "timestamp"]
    table = pl.DataFrame(
        [(user, item, domain_of[item], time) for user, item, time in events],
        schema=names,
        orient="row",
    )
    table.write_parquet(folder / "interactions.parquet")
    about = {"name": "made-up", "target_domain": "video", "notes": "for benchmarks"}
    (folder / "dataset.json").write_text(json.dumps(about))


def _events(
    user: int, rng: np.random.Generator, topics: int, items: int
) -> list[tuple[str, str, int]]:
    """Who, which item, when."""
    mine = zipf(rng, topics, (2,))
    drawn = zipf(rng, items // topics, (EVENTS,)) * topics + rng.choice(mine, EVENTS)
    return [(f"u{user}", f"i{number}", time) for time, number in enumerate(drawn.tolist())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--tags", type=int, default=TAGS)
    parser.add_argument("--set", dest="settings", nargs="*", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data, checkpoint = Path(temporary) / "data", Path(temporary) / "checkpoint"
        write_data(data, given.tags)
        train(data, checkpoint, Config.with_overrides((*SHORT, *given.settings)))
        manifest = export(checkpoint, given.out, OnnxTowers)
    print(f"{given.out}: {manifest.vocabulary_size:,} tags, D = {manifest.dim}")


if __name__ == "__main__":
    main()
