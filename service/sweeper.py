"""Housekeeping of the catalogue: one worker of all replicas at a time, by a short Redis lock.

The log is trimmed to its retention and expired items leave the catalogue, with a log entry each.
Tombstones carry a time to live and need no broom. Each process sweeps its own indexes, in a thread:
what was posted in one import may expire in one second.
"""

import asyncio
from contextlib import suppress
from functools import partial

from redis.exceptions import RedisError

from service import thread
from service.catalogue import Catalogue, Change
from service.clock import Clock
from service.generations import Generations

BATCH = 500


async def sweep(catalogue: Catalogue, now: float) -> int:
    """Trim the log and delete what has expired; return how many items went."""
    await catalogue.trim(now)
    gone = 0
    while due := await catalogue.expired(now, BATCH):
        written = await catalogue.write([Change("expire", item_id) for item_id in due])
        gone += written.statuses.count("deleted")
        if "unchanged" in written.statuses:  # Redis's clock is a little behind: next time
            break
    return gone


async def run(
    catalogue: Catalogue, generations: Generations, clock: Clock, interval_ms: int
) -> None:
    """Sweep at every interval until cancelled; a Redis that is away is swept when it is back."""
    while True:
        await asyncio.sleep(interval_ms / 1000)
        for generation in generations.live:
            await thread.run(partial(generation.forget_expired, clock.now()), "expire")
        with suppress(RedisError):  # the tail says when Redis is away
            await _sweep_in_turn(catalogue, clock, interval_ms)


async def _sweep_in_turn(catalogue: Catalogue, clock: Clock, interval_ms: int) -> None:
    if await catalogue.claim_sweep(interval_ms):
        await sweep(catalogue, clock.now())
