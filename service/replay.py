"""How one replica comes to the head of the item log, beside traffic.

From where it stands, when the log still leads on from there. Else from scratch: note the head, page
the catalogue, replay from the head noted, and only then answer from the result.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TypeVar

from service import thread
from service.catalogue import Catalogue, Stored
from service.replica import AT_ONCE, LogGap, Replica, S, Shelf

BATCH = 256  # items or entries of one read

T = TypeVar("T")

log = logging.getLogger(__name__)


async def join(catalogue: Catalogue, replica: Replica[S]) -> None:
    """Bring a replica to the head of the log, whatever it takes; may raise RedisError."""
    while True:
        try:
            return await catch_up(catalogue, replica)
        except LogGap:
            log.info("synchronising a replica from the catalogue")
        await _synchronise(catalogue, replica)


async def catch_up(catalogue: Catalogue, replica: Replica[S]) -> None:
    """Apply what the log holds after a replica's position.

    Raises:
        LogGap: the log does not lead on from there, or it is another store's.
        RedisError: Redis does not answer.
    """
    head, at = await catalogue.head(), replica.sequence
    if head is None or at is None or head.store != at.store or head.position < at.position:
        raise LogGap("this log does not lead to where the replica stands")
    while replica.position < head.position:
        entries = await catalogue.entries(replica.position, BATCH, None)
        if not entries:
            raise LogGap("the log ends before its head")
        await replica.follow(entries)


async def _synchronise(catalogue: Catalogue, replica: Replica[S]) -> None:
    """Fill another shelf. Pages may be newer than `start`, so it is right only at the head."""
    start = await catalogue.head() or (await catalogue.write([])).sequence
    fresh = Replica(replica.make)
    async with aclosing(_ahead(catalogue.pages(BATCH))) as pages:
        async for page in pages:
            await _put(fresh.shelf, page)
    fresh.take(fresh.shelf, start)
    try:
        await catch_up(catalogue, fresh)
        await thread.run(fresh.shelf.settle, "settle")
        await catch_up(catalogue, fresh)  # what was written meanwhile
    except LogGap:  # the store changed meanwhile: the caller begins again
        return
    replica.take(fresh.shelf, fresh.sequence or start)
    log.info("synchronised a replica at %s", replica.sequence)


async def _ahead(pages: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The same; Redis is already at the next one while one is worked on."""

    async def following() -> T | None:
        return await anext(pages, None)

    coming = asyncio.create_task(following())
    try:
        while (page := await coming) is not None:
            coming = asyncio.create_task(following())
            yield page
    finally:
        coming.cancel()


async def _put(shelf: Shelf, page: Mapping[str, Stored]) -> None:
    """A page, others having their turn."""
    items = list(page.items())
    for start in range(0, len(items), AT_ONCE):
        await asyncio.sleep(0)
        shelf.put(dict(items[start : start + AT_ONCE]))
