"""Upkeep of the index beside traffic: recall measured on live queries, the structure rebuilt.

It runs in a daemon thread: a rebuild takes seconds on a large catalogue, and a process that is told
to stop must not wait for one whose result nobody will use.
"""

import asyncio
import logging
import threading
from contextlib import suppress

from index import Stats
from service.replica import Replica

log = logging.getLogger(__name__)


async def run(replica: Replica, interval_ms: int) -> None:
    """Maintain the index at every interval until cancelled, and log each rebuild."""
    rebuilds = 0
    while True:
        await asyncio.sleep(interval_ms / 1000)
        found = await maintain(replica)
        if found.rebuilds != rebuilds:
            log.info(
                "rebuilt the index: %d items in %d lists, %d probed, recall %.4f",
                *(found.items, found.lists, found.probes, found.recall),
            )
        rebuilds = found.rebuilds


async def maintain(replica: Replica) -> Stats:
    """One round, in a thread that does not keep the process alive."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Stats] = loop.create_future()

    def work() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            try:
                found = replica.maintain()
            except Exception as error:  # noqa: BLE001  # whatever it is, it is raised below
                loop.call_soon_threadsafe(_settle, done, error)
            else:
                loop.call_soon_threadsafe(_settle, done, found)

    threading.Thread(target=work, name="upkeep", daemon=True).start()
    return await done


def _settle(done: "asyncio.Future[Stats]", outcome: Stats | Exception) -> None:
    if done.cancelled():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
