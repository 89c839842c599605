"""Work beside requests: a task that fails says so at once, one that is ended has ended."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


def start(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Run it; an error that nobody foresaw stands in the log."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    return task


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.critical("a background task ended: restart this process", exc_info=error)


async def cancel(task: "asyncio.Task[None]") -> None:
    """End a background task and wait for its end.

    Asked more than once: redis-py now and then loses a cancellation that meets its own time-out.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
