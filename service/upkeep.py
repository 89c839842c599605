"""Upkeep of the index beside traffic: recall measured on live queries, the structure rebuilt.

It runs in a daemon thread: a rebuild takes seconds on a large catalogue, and a process that is told
to stop must not wait for one whose result nobody will use.
"""

import asyncio
import logging
import threading
from contextlib import suppress

from index import ItemIndex, Stats
from service.errors import ServiceError
from service.generation import Generation
from service.generations import Generations

log = logging.getLogger(__name__)


class UpkeepFailed(ServiceError):
    """A round of upkeep raised in its thread."""


async def run(generations: Generations, interval_ms: int) -> None:
    """Maintain every live index at every interval until cancelled, and log each rebuild."""
    while True:
        await asyncio.sleep(interval_ms / 1000)
        for generation in generations.live:
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
    """One round, in a thread that does not keep the process alive.

    Raises:
        UpkeepFailed: the round did not end well; the thread's traceback says why.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    found: list[Stats] = []

    def work() -> None:
        try:
            found.append(index.maintain())
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=work, name="upkeep", daemon=True).start()
    await ended.wait()
    if not found:
        raise UpkeepFailed("a round of upkeep ended in an error: see the traceback above")
    return found[0]
