"""A listening socket whose queue is taken in ever larger parts until it is empty.

uvloop takes one connection a turn of the loop. When each brings a request, a busy worker has few in
flight and thousands that wait in the kernel where nobody counts them: callers run into their own
deadlines, and none is told to come back. Once they are taken, those who are too many are told so by
the limit to connections and by admission. A queue that is short is left to all workers alike, one
connection a turn.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvloop

GROWTH = 4  # how many more a turn as long as the queue has not been emptied
MOST = 2048  # in one turn
PAUSE_S = 1.0  # after the system had no descriptor left to give

log = logging.getLogger(__name__)


class Listener:
    """What `create_server` of a loop gives, as far as uvicorn uses it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        make: Callable[[], Any],
        listening: socket.socket,
        pause_s: float = PAUSE_S,
    ) -> None:
        """`make` gives the protocol of a connection; it can `shutdown`, as uvicorn's can."""
        self._loop = loop
        self._make = make
        self._socket = listening
        self._pause_s = pause_s
        self._opening: set[asyncio.Task[Any]] = set()
        self._open = True
        self._part = 1
        self._listen()

    def close(self) -> None:
        """Take who has come so far and nobody after; have those still on their way told so.

        Whoever opened the socket closes it: the kernel resets what then waits in its queue.
        """
        self._open = False
        self._loop.remove_reader(self._socket)
        with suppress(OSError):
            for _ in range(MOST):
                self._take()

    async def wait_closed(self) -> None:
        """Wait until what was taken is open."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _listen(self) -> None:
        if self._open:
            self._loop.add_reader(self._socket, self._take_part)

    def _take_part(self) -> None:
        try:
            for _ in range(self._part):
                self._take()
            self._part = min(GROWTH * self._part, MOST)
        except (BlockingIOError, ConnectionAbortedError):
            self._part = 1  # none is left, or another worker or the caller was quicker
        except OSError as error:
            self._pause(error)

    def _take(self) -> None:
        taken, _ = self._socket.accept()
        opening = self._loop.connect_accepted_socket(self._make, taken)
        task = self._loop.create_task(opening)
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Any]) -> None:
        self._opening.discard(task)
        if error := task.exception():
            log.debug("a caller went away while its connection was opened: %s", error)
        elif not self._open:
            _, protocol = task.result()
            protocol.shutdown()

    def _pause(self, error: OSError) -> None:
        log.error("no connection can be taken for a moment: %s", error.strerror)
        self._loop.remove_reader(self._socket)
        self._loop.call_later(self._pause_s, self._listen)


class Loop(uvloop.Loop):
    """uvloop's, with such listeners; uvicorn makes one a worker."""

    async def create_server(  # type: ignore[override]  # all that uvicorn asks of it
        self, protocol_factory: Callable[[], Any], *, sock: socket.socket, **_: Any
    ) -> Listener:
        """Take connections from a socket that is bound."""
        sock.setblocking(False)
        return Listener(self, protocol_factory, sock)
