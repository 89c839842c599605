"""Work that takes long on the event loop, done in turns with everybody else's."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

TURN_S = 1e-3  # of work, or a single step that takes longer, between two turns of the others


async def in_turns(steps: Iterable[T]) -> AsyncIterator[T]:
    """The same, one after the other; others have their turn when a millisecond's work is done."""
    began = time.perf_counter()
    for step in steps:
        yield step
        if time.perf_counter() - began > TURN_S:
            await asyncio.sleep(0)
            began = time.perf_counter()
