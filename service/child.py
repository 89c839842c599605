"""Work in a process of its own: it yields to requests, and may be killed without harm to them.

It is spawned (a fork after a faiss search hangs, FACTS.md), runs at a low priority, and ends with
its parent, however that ends.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Literal, NamedTuple, TypeVar

from redis.exceptions import RedisError

from bundle.errors import CoupleError
from index.errors import ItemIndexError
from service import thread
from service.errors import ServiceError

T = TypeVar("T")

log = logging.getLogger(__name__)


class ChildRefused(ServiceError):
    """The work cannot be done; the message says why."""


class ChildLost(ServiceError):
    """The work could not be done now; it may be tried again."""


class ChildDied(ServiceError):
    """The process ended before its work did."""


class _Said(NamedTuple):
    what: Literal["done", "refused", "lost"]
    result: Any


async def run(work: Callable[..., T], *arguments: object, niceness: int) -> T:
    """What `work(*arguments)` returns; all of it is pickled. Cancelled, the process is killed.

    Raises:
        ChildRefused: it raised a CoupleError.
        ChildLost: Redis, the disk or the system failed it.
        ChildDied: it was killed, or raised anything else (its traceback is on stderr).
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(there, work, arguments, niceness), name=work.__name__, daemon=True
    )
    try:
        process.start()
    except OSError as error:
        raise ChildLost(f"no process could be started: {error}") from error
    there.close()
    try:
        said = await thread.run(partial(_hear, here, process), f"{work.__name__} heard")
    finally:
        process.kill()
    if said is None:
        raise ChildDied(f"its process ended with exit code {process.exitcode}")
    if said.what == "refused":
        raise ChildRefused(said.result)
    if said.what == "lost":
        raise ChildLost(said.result)
    result: T = said.result
    return result


def _hear(here: Connection, process: Any) -> _Said | None:
    """The child's last word, once it has ended; None where it had none."""
    with here:
        try:
            said: _Said | None = here.recv()
        except EOFError:
            said = None
    process.join()
    return said


def _work(
    there: Connection, work: Callable[..., Any], arguments: tuple[object, ...], niceness: int
) -> None:
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    follow_parent(lambda: os._exit(1))
    try:
        said = _Said("done", work(*arguments))
    except CoupleError as error:
        said = _Said("refused", str(error))
    except (ItemIndexError, RedisError, OSError) as error:
        said = _Said("lost", f"{type(error).__name__}: {error}")
    there.send(said)


def follow_parent(end: Callable[[], None]) -> None:
    """Call `end` once the process that spawned this one has ended, however it did."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def follow() -> None:
        parent.join()
        end()

    threading.Thread(target=follow, daemon=True).start()
