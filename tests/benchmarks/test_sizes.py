"""What `benchmarks/sizes.py` says of Redis is about what it is asked for."""

import re
from pathlib import Path

from benchmarks.serve import GOLDEN
from benchmarks.serve_population import Population
from benchmarks.sizes_store import Store, in_redis
from bundle import open_bundle
from service.embedded import embedded_store


def test_bytes_in_redis_are_those_of_what_was_written(tmp_path: Path) -> None:
    """Tolerances are wide: an entry costs what it says and what Redis needs to find it."""
    population = Population(open_bundle(GOLDEN), 2_000, 50)
    texts = [len(item.encode()) for item in population.items(population.tags)]
    text = sum(texts) / len(texts)
    with embedded_store(tmp_path / "store") as url:
        found = {row.name: number(row.value) for row in in_redis(Store(url), population)}
    assert text < found["Redis: an item of the catalogue"] < text + 800
    assert text < found["Redis: an entry of the item log"] < text + 300
    assert 13 * 200 < found["Redis: 200 impressions"] < 20 * 200
    assert 50 * 60 < found["Redis: a history of 50 items"] < 50 * 400
    assert 25 < found["Redis: an `event_id`"] < 200


def number(value: str) -> float:
    return float(re.sub(r"[^\d.]", "", value))
