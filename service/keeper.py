"""Snapshots of the live indexes, so that a restart replays minutes of the log and embeds nothing.

One worker of a host saves for all; models that are no more lose theirs.
"""

import asyncio
import logging
from functools import partial

from index import SnapshotError
from service import thread
from service.engine import Held
from service.errors import StateUnusable
from service.generation import Generation
from service.host import Host

log = logging.getLogger(__name__)


async def run(host: Host, generations: Held, interval_s: float) -> None:
    """Save what is older than the interval, at every interval until cancelled."""
    while True:
        await asyncio.sleep(interval_s)
        try:
            await _keep(host, generations, interval_s)
        except (SnapshotError, StateUnusable) as error:
            log.warning("no snapshot was saved, so a restart will embed everything: %s", error)


async def _keep(host: Host, generations: Held, interval_s: float) -> None:
    with host.alone() as alone:
        for generation in generations.live if alone else ():
            if host.age(generation.version) >= interval_s:
                await _save(host, generation)
    await thread.run(partial(host.tidy, generations.wanted), "tidy")


async def _save(host: Host, generation: Generation) -> None:
    save = partial(
        generation.replica.shelf.index.save,
        host.snapshots(generation.version),
        model=generation.version,
        position=str(generation.sequence),
    )
    await thread.run(save, "save a snapshot")
