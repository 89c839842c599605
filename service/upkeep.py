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
    """Maintain every live index at every interval until cancelled, and log each rebuild."""
    while True:
        await asyncio.sleep(interval_ms / 1000)
        for generation in live():
            await _maintain(generation)


async def _maintain(generation: Generation) -> None:
    index = generation.replica.shelf.index
    rebuilds = index.stats().rebuilds
    found = await maintain(index)
    if found.rebuilds != rebuilds:
        log.info(
            "rebuilt the index: %d items in %d lists, %d probed, recall %.4f",
            *(found.items, found.lists, found.probes, found.recall),
        )


async def maintain(index: ItemIndex) -> Stats:
    """One round, beside traffic."""
    return await thread.run(index.maintain, "upkeep")
