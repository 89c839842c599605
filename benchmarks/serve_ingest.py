"""The rows of `benchmarks/serve.py` about new items: how many a second, and at whose cost.

An item counts when the call that brought it says that it is in the log and recommended by now.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from statistics import median
from typing import Any

import orjson

from benchmarks.index_table import Row
from benchmarks.serve_contenders import KEY, SHIPPED
from benchmarks.serve_load import Outcome, arrive, request, saturate
from benchmarks.serve_rows import WARM_S, Race, bounded, run
from loadtest.arrivals import at_random, evenly
from service.item import Item

ITEMS_A_CALL = 100
MORE = 1.04  # times what must be taken that is sent: the last answer comes after the last call
BUSY_FACTOR, BUSY_S = 2.0, 20e-3


@dataclass
class Written(Outcome):
    """What became of calls of POST /items."""

    durability: str = "unknown"

    def note(self, due: float, now: float, status: int, body: bytes = b"") -> None:
        """An answer is good when its items are recommended already."""
        answer = orjson.loads(body) if status == 200 else {}
        self.durability = answer.get("durability", self.durability)
        super().note(due, now, status if answer.get("applied") else 0)


def rows(race: Race) -> Iterator[Row]:
    """Recommendations alone and beside new items, in turn."""
    quiet, busy, taken = [], [], []
    for turn in range(race.options.rounds):
        quiet.append(race.arriving(SHIPPED.name, race.options.beside, turn).percentile(99))
        asked, written = _mixed(race, turn)
        busy.append(asked.percentile(99))
        taken.append(written.rate * ITEMS_A_CALL)
    rate, wanted, beside = median(taken), race.options.items_rate, race.options.beside
    yield Row(
        f"items/s in calls of {ITEMS_A_CALL}, visible and {written.durability}, {beside} "
        "recommendations/s beside",
        f"{rate:.0f}",
        f"{_sent(race)} sent",
        rate / wanted,
        f"≥ {wanted}",
        rate >= wanted,
    )
    name = f"p99 of {beside}/s beside that (yardstick: alone)"
    yield bounded(name, median(busy), median(quiet), BUSY_FACTOR, BUSY_S)


def _sent(race: Race) -> int:
    """Items a second."""
    return round(race.options.items_rate * MORE)


def _mixed(race: Race, turn: int) -> tuple[Outcome, Written]:
    """Recommendations and posts of new items at once."""
    seconds, requests = race.options.seconds, race.asked(SHIPPED.name)
    posts, written = _posts(race, turn), Written()
    dues = at_random(race.options.beside, seconds, turn)

    async def both(port: int) -> Outcome:
        asked, _ = await asyncio.gather(
            arrive(port, cycle(requests), dues),
            arrive(port, iter(posts), evenly(_sent(race) / ITEMS_A_CALL, seconds), written),
        )
        return asked

    with race.contenders[SHIPPED.name].turn() as port:
        run(saturate(port, requests, WARM_S))
        asked = run(both(port))
    race.outcomes.extend((asked, written))
    return asked, written


def _posts(race: Race, turn: int) -> list[bytes]:
    """Calls of POST /items, all of new items."""
    count = int(_sent(race) * race.options.seconds)
    first = len(race.population.tags) + turn * count
    tags = race.population.fresh(count, seed=100 + turn)
    items = [wire(item) for item in race.population.items(tags, first)]
    calls = (items[start : start + ITEMS_A_CALL] for start in range(0, count, ITEMS_A_CALL))
    return [request("/items", orjson.dumps({"items": call}), KEY) for call in calls]


def wire(item: Item) -> dict[str, Any]:
    """An item as a caller posts it."""
    return {
        "item_id": item.item_id,
        "tags": item.tags,
        "author_id": item.author_id,
        "published_at": "2026-11-01T00:00:00Z",
        "attributes": item.attributes,
    }
