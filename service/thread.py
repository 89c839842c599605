"""Work that takes seconds, in a daemon thread beside the event loop.

A process that is told to stop must not wait for work whose result nobody will use, as it would for
a thread of an executor. It stands back: requests have the processor first.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

NICENESS = 5  # a quarter of a core that requests keep busy


async def run(work: Callable[[], T], name: str) -> T:
    """What `work` returns or raises."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def settle(settle_with: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if ended.done() else settle_with())

    def body() -> None:
        _stand_back()
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # whoever waits for it gets it
            failed = error
            settle(lambda: ended.set_exception(failed))
        else:
            settle(lambda: ended.set_result(result))

    threading.Thread(target=body, name=name, daemon=True).start()
    return await ended


def _stand_back() -> None:
    """Take a low priority, unless the process has a lower one; threads have their own on Linux."""
    if sys.platform == "linux":
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, max(mine, NICENESS))
