"""One process's copy of the catalogue for one purpose, and how far along the item log it stands.

What the copy is made of is its shelf's business: vectors to search (`service.vectors`), facts to
list. Searches and changes take turns by living on one event loop.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Generic, Protocol, TypeVar

from service.catalogue import Entry, Stored
from service.errors import ServiceError
from service.sequence import START, LogSequence, Position

AT_ONCE = 128  # items or entries between two turns of the event loop: a few milliseconds


class LogGap(ServiceError):
    """Entries between this replica's position and the log are gone."""


class Shelf(Protocol):
    """What a replica fills; applying the same items again changes nothing."""

    def put(self, items: Mapping[str, Stored | None]) -> None:
        """Take these items in place of what was known of them; None is a deletion."""

    def settle(self) -> None:
        """Get ready to answer, once filled: in a thread, while nothing else touches the shelf."""


S = TypeVar("S", bound=Shelf)


class Replica(Generic[S]):
    """The shelf that answers, and its sequence: None until the first synchronisation."""

    def __init__(self, make: Callable[[], S]) -> None:
        """`make` gives an empty shelf: one now, and one for every synchronisation."""
        self.make = make
        self.shelf = make()
        self._moved = asyncio.Event()
        self.sequence: LogSequence | None = None
        self.patience_s = inf
        self._seen = -inf

    @property
    def position(self) -> Position:
        return self.sequence.position if self.sequence else START

    def take(self, shelf: S, sequence: LogSequence) -> None:
        """Answer from another shelf, which has everything that is logged, from now on."""
        self.shelf = shelf
        self.move(sequence)
        self.see_head()

    def apply(self, entries: Sequence[Entry]) -> None:
        """Follow the log; raise LogGap, having changed nothing, when entries are missing."""
        if self.sequence is None or entries[0].prev != self.position:
            raise LogGap("the log does not continue where this replica stands")
        self.shelf.put(latest(entries))
        self.move(LogSequence(self.sequence.store, entries[-1].position))

    async def follow(self, entries: Sequence[Entry]) -> None:
        """Apply entries, others having their turn; raise LogGap where some are missing."""
        for start in range(0, len(entries), AT_ONCE):
            self.apply(entries[start : start + AT_ONCE])
            await asyncio.sleep(0)

    def move(self, sequence: LogSequence) -> None:
        """The shelf is there now, by whoever filled it; who waits for that is told."""
        self.sequence = sequence
        self._moved.set()
        self._moved = asyncio.Event()

    def see_head(self) -> None:
        """It has everything that is logged at this moment."""
        self._seen = time.monotonic()

    def lose_head(self) -> None:
        """Whether it has that can not be told for now."""
        self._seen = -inf

    @property
    def lost(self) -> bool:
        """Whether the head of the log has been out of its sight for too long, or always."""
        return self.sequence is None or self.lag_s > self.patience_s

    @property
    def lag_s(self) -> float:
        """Since it last had everything that was logged; infinite before the first time."""
        return time.monotonic() - self._seen

    async def reach(self, wanted: LogSequence, timeout_s: float) -> bool:
        """Wait until the log has been followed to a place; False when that takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(wanted)
        except TimeoutError:
            return False
        return True

    async def filled(self) -> None:
        """Wait until the first synchronisation is done."""
        while self.sequence is None:
            await self._moved.wait()

    async def _until(self, wanted: LogSequence) -> None:
        while not self.has(wanted):
            await self._moved.wait()

    def has(self, wanted: LogSequence) -> bool:
        """Whether the log has been followed to a place of this store."""
        at = self.sequence
        return at is not None and at.store == wanted.store and at.position >= wanted.position


async def reached(replicas: Sequence[Replica[Any]], wanted: LogSequence, timeout_s: float) -> bool:
    """Wait until all have followed the log to a place; False when that takes too long."""
    return all(await asyncio.gather(*(one.reach(wanted, timeout_s) for one in replicas)))


def latest(entries: Sequence[Entry]) -> dict[str, Stored | None]:
    """What a run of entries leaves of each item."""
    return {entry.item_id: entry.stored for entry in entries}
