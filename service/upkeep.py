"""Upkeep of the index beside traffic: recall measured on live queries, the structure rebuilt.

That takes seconds on a large catalogue, hence a thread.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from index import ItemIndex, Stats
from service import thread
from service.generation import Generation

log = logging.getLogger(__name__)


async def run(live: Callable[[], Sequence[Generation]], interval_ms: int) -> None:
    """Maintain every live index at every interval until cancelled, and log what changes."""
    while True:
        await asyncio.sleep(interval_ms / 1000)
        for generation in live():
            await _maintain(generation)


async def _maintain(generation: Generation) -> None:
    index = generation.replica.shelf.index
    before = index.stats()
    found = await maintain(index)
    if (found.rebuilds, found.probes) != (before.rebuilds, before.probes):
        log.info(
            "%s the index: %d items in %d lists, %d probed, recall %.4f",
            "tuned" if found.rebuilds == before.rebuilds else "rebuilt",
            *(found.items, found.lists, found.probes, found.recall),
        )


async def maintain(index: ItemIndex) -> Stats:
    """One round, beside traffic."""
    return await thread.run(index.maintain, "upkeep")
