"""Work in a thread beside the event loop: its end is told, and requests come first."""

import os
import sys
import threading

import pytest

from service import thread

pytestmark = pytest.mark.anyio


def fails() -> None:
    raise ValueError("no")


async def test_what_comes_of_it_comes_back() -> None:
    assert await thread.run(threading.get_ident, "identify") != threading.get_ident()
    with pytest.raises(ValueError, match=r"^no$"):
        await thread.run(fails, "fail")


async def test_it_stands_back_and_the_event_loop_does_not() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    niceness = await thread.run(lambda: os.getpriority(os.PRIO_PROCESS, 0), "ask")
    assert niceness == (max(before, thread.NICENESS) if sys.platform == "linux" else before)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
